/** Every place that writes a file to be kept: what a filesystem without flushes, or a failure at any step, means there. */
import assert from "node:assert/strict";
import { join } from "node:path/posix";
import { statusDirectoryWith } from "../../src/compat/twindb/status_directory.ts";
import { openOutputFile } from "../../src/ops/restore/output_file.ts";
import { relativePath } from "../../src/store/layout.ts";
import { type FileSystem, temporaryBeside, writeNewFile } from "../../src/store/local/local_file.ts";
import { openLocalStore } from "../../src/store/local/local_store.ts";
import { pack } from "../conformance/stored_files.ts";
import {
  countingRandom,
  filesBelow,
  fileSystem,
  osError,
  QUICK_FOLDER,
  withoutHardLinks,
} from "../store/local_fixture.ts";

/** One place that writes, to one file below a folder. */
interface Writer {
  /** The file, relative to the folder. */
  readonly path: string;
  /** Whether it takes the place of a file of that name. */
  readonly replaces: boolean;
  write(folder: string, text: string, files: FileSystem): Promise<void>;
}

const encoder = new TextEncoder();

const WRITERS: Readonly<Record<string, Writer>> = {
  "the store": {
    path: relativePath(pack(1)),
    replaces: false,
    async write(folder, text, files) {
      await openLocalStore(folder, { random: countingRandom(), files }).put(pack(1), [encoder.encode(text)]);
    },
  },
  "get -o and --target": {
    path: "output",
    replaces: true,
    async write(folder, text, files) {
      const output = await openOutputFile(join(folder, "output"), { overwrite: true, files });
      try {
        for (const part of text.match(/.{1,4}/gs) ?? []) await output.write(encoder.encode(part));
        await output.keep();
      } catch (error) {
        await output.discard();
        throw error;
      }
    },
  },
  "a status file": {
    path: "db1/status",
    replaces: true,
    write: (folder, text, files) =>
      statusDirectoryWith(folder, { files, random: countingRandom() }).write("db1/status", text),
  },
  "a password file": {
    path: "password",
    replaces: false,
    async write(folder, text, files) {
      const path = join(folder, "password");
      const temporaryPath = temporaryBeside(path, countingRandom());
      await writeNewFile({ path, temporaryPath, files }, [encoder.encode(text)], { replaces: false, mode: 0o600 });
    },
  },
};

/** The machine's filesystem whose folders and files fail to be flushed, or files to be written, with these codes. */
function files(
  { folderSync, fileSync, write, calls = {} }: {
    folderSync?: string;
    fileSync?: string;
    write?: string;
    calls?: Partial<FileSystem>;
  },
): FileSystem {
  const fail = (code: string) => () => Promise.reject(osError(code));
  return {
    ...fileSystem(),
    async open(path, options) {
      const file = await Deno.open(path, options);
      const syncFails = options?.write ? fileSync : folderSync;
      if (syncFails !== undefined) file.sync = fail(syncFails);
      if (write !== undefined) {
        const original = file.write.bind(file);
        let isFirst = true;
        // A disk gets full in the middle: a part goes in, what follows does not.
        file.write = (bytes) => {
          if (!isFirst) return Promise.reject(osError(write));
          isFirst = false;
          return original(bytes.subarray(0, 3));
        };
      }
      return file;
    },
    ...calls,
  };
}

const refused = (code: string) => () => Promise.reject(osError(code));

/** What fails, by the step and by whether the writer gives the file its name by a rename over another. */
function breaking(code: string, replaces: boolean): Record<string, FileSystem> {
  return {
    opening: files({ calls: { open: refused(code) } }),
    writing: files({ write: code }),
    flushing: files({ fileSync: code }),
    ...replaces ? { renaming: files({ calls: { rename: refused(code) } }) } : {
      linking: files({ calls: { link: refused(code) } }),
      renaming: files({ calls: { ...withoutHardLinks, rename: refused(code) } }),
    },
  };
}

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "agent-durable-", dir: QUICK_FOLDER });
  try {
    await work(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

for (const [place, writer] of Object.entries(WRITERS)) {
  Deno.test(`${place}: a filesystem that cannot flush folders will do`, async () => {
    for (const folderSync of ["EINVAL", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "ENOTTY"]) {
      await inFolder(async (folder) => {
        await writer.write(folder, "whole", files({ folderSync }));
        assert.deepEqual(await filesBelow(folder), [writer.path], folderSync);
        assert.equal(await Deno.readTextFile(join(folder, writer.path)), "whole", folderSync);
      });
    }
  });

  Deno.test(`${place}: a folder whose flush fails is told, and so is a file that cannot be flushed at all`, async () => {
    for (const broken of [{ folderSync: "EIO" }, { fileSync: "EINVAL" }]) {
      await inFolder(async (folder) => {
        await assert.rejects(writer.write(folder, "whole", files(broken)), JSON.stringify(broken));
      });
    }
  });

  Deno.test(`${place}: a failure at any step leaves no half file, nor anything else`, async () => {
    for (const code of ["ENOSPC", "EDQUOT", "EIO"]) {
      for (const [step, broken] of Object.entries(breaking(code, writer.replaces))) {
        await inFolder(async (folder) => {
          await assert.rejects(writer.write(folder, "whole", broken), `${code} at ${step}`);
          assert.deepEqual(await filesBelow(folder), [], `${code} at ${step}`);
        });
      }
    }
  });

  if (!writer.replaces) continue;
  Deno.test(`${place}: a failure at any step leaves what was there before`, async () => {
    for (const code of ["ENOSPC", "EDQUOT", "EIO"]) {
      for (const [step, broken] of Object.entries(breaking(code, writer.replaces))) {
        await inFolder(async (folder) => {
          await writer.write(folder, "before", fileSystem());
          await assert.rejects(writer.write(folder, "after", broken), `${code} at ${step}`);
          assert.deepEqual(await filesBelow(folder), [writer.path], `${code} at ${step}`);
          assert.equal(await Deno.readTextFile(join(folder, writer.path)), "before", `${code} at ${step}`);
        });
      }
    }
  });
}

Deno.test("a failed flush of a file is never taken for one that was not needed", async () => {
  await inFolder(async (folder) => {
    const copy = {
      path: join(folder, "copy"),
      temporaryPath: join(folder, "copy-tmp-1"),
      files: files({ fileSync: "EIO" }),
    };
    const publication = { replaces: true };
    await assert.rejects(writeNewFile(copy, [encoder.encode("x")], publication));
    await writeNewFile(copy, [encoder.encode("x")], { ...publication, isFlushed: false });
    assert.deepEqual(await filesBelow(folder), ["copy"]);
  });
});
