/** How the local store treats its files: modes, order of flushes, odd filesystems, and what its errors mean. */
import assert from "node:assert/strict";
import {
  DeniedError,
  ExistsError,
  NotFoundError,
  StoreError,
  StoreFullError,
  TemporaryError,
} from "../../src/base/errors.ts";
import { relativePath, REPOSITORY_FOLDERS } from "../../src/store/layout.ts";
import type { FileSystem } from "../../src/store/local/local_file.ts";
import { openLocalStore } from "../../src/store/local/local_store.ts";
import { bytesOf, listing, pack } from "../conformance/stored_files.ts";
import { countingRandom, filesBelow, fileSystem, localFixture, osError, withoutHardLinks } from "./local_fixture.ts";

const PACK = relativePath(pack(1));
const PACK_FOLDER = PACK.slice(0, "data/ab".length);
const CONFIG = { kind: "config", name: "config" } as const;

async function modeOf(path: string): Promise<string> {
  return ((await Deno.stat(path)).mode! & 0o777).toString(8);
}

/** A filesystem whose opened files are changed by `change` before the store gets them. */
function withOpened(change: (file: Deno.FsFile, path: string) => void): Partial<FileSystem> {
  return {
    async open(path, options) {
      const file = await Deno.open(path, options);
      change(file, String(path));
      return file;
    },
  };
}

Deno.test("folders are for the owner alone, files are read-only", async () => {
  await using fixture = await localFixture();
  await fixture.store.put(CONFIG, [bytesOf(10)]);
  await fixture.store.put(pack(1), [bytesOf(10)]);
  for (const folder of ["", ...REPOSITORY_FOLDERS]) assert.equal(await modeOf(fixture.at(folder)), "700", folder);
  for (const file of ["config", PACK]) assert.equal(await modeOf(fixture.at(file)), "400", file);
});

Deno.test("a group that may read the config may read what follows", async () => {
  await using fixture = await localFixture();
  await fixture.store.put(CONFIG, [bytesOf(10)]);
  await Deno.chmod(fixture.at("config"), 0o440);
  await Deno.remove(fixture.at(PACK_FOLDER));
  await fixture.store.put(pack(1), [bytesOf(10)]);
  assert.equal(await modeOf(fixture.at(PACK)), "440");
  await Deno.mkdir(fixture.at("beside"), { mode: 0o770 }); // Deno.umask() would change it for the tests side by side
  assert.equal(await modeOf(fixture.at(PACK_FOLDER)), await modeOf(fixture.at("beside")));
});

Deno.test("create makes missing folders above, with the repository's folders", async () => {
  await using fixture = await localFixture();
  const store = openLocalStore(fixture.at("a/b/c/"), { random: countingRandom() });
  await store.create();
  await store.put(pack(1), [bytesOf(10)]);
  assert.deepEqual(await filesBelow(fixture.at("a/b/c")), [PACK]);
});

Deno.test("a missing folder of the repository is empty, and is made by put", async () => {
  await using fixture = await localFixture();
  await Deno.remove(fixture.at("data"), { recursive: true });
  assert.equal((await listing(fixture.store, "pack")).size, 0);
  await fixture.store.put(pack(1), [bytesOf(10)]);
  assert.deepEqual(await fixture.store.get(pack(1)), bytesOf(10));
});

Deno.test("a repository's own folder is never made by put: its disk may not be mounted", async () => {
  await using fixture = await localFixture();
  const store = openLocalStore(fixture.at("absent"), { random: countingRandom() });
  await assert.rejects(store.put(pack(1), [bytesOf(10)]), NotFoundError);
  await assert.rejects(store.put(CONFIG, [bytesOf(10)]), NotFoundError);
  assert.deepEqual(await filesBelow(fixture.root), []);
});

Deno.test("what was written is flushed before it gets its name, and the name before put resolves", async () => {
  const events: string[] = [];
  const short = (path: string | URL) => String(path).replace(/^.*\/data\/..\/?/, "").replace(/^[0-9a-f]{64}/, "ID");
  const files = fileSystem();
  const watched: Partial<FileSystem> = {
    ...withOpened((file, path) => {
      const sync = file.sync.bind(file);
      const write = file.write.bind(file);
      file.sync = () => sync().then(() => void events.push(`sync ${short(path) || "folder"}`));
      file.write = (bytes) => (events.push("write"), write(bytes));
    }),
    chmod: (path, mode) => (events.push("chmod"), files.chmod(path, mode)),
    link: (from, to) => (events.push(`link ${short(to)}`), files.link(from, to)),
    remove: (path) => (events.push("remove temporary"), files.remove(path)),
  };
  await using fixture = await localFixture(watched);
  events.length = 0;
  await fixture.store.put(pack(1), [bytesOf(10)]);
  const temporary = events[2]!;
  assert.match(temporary, /^sync ID-tmp-[0-9a-f]{16}$/);
  assert.deepEqual(events, ["write", "chmod", temporary, "link ID", "remove temporary", "sync folder"]);
});

Deno.test("writes that take only a part of what they are given still store all of it", async () => {
  const files = withOpened((file) => {
    const write = file.write.bind(file);
    file.write = (bytes) => write(bytes.subarray(0, 70_001));
  });
  await using fixture = await localFixture(files);
  await fixture.store.put(pack(1), [bytesOf(500_000), bytesOf(1_500_000, 2)]);
  assert.ok(Buffer.concat([bytesOf(500_000), bytesOf(1_500_000, 2)]).equals(await fixture.store.get(pack(1))));
});

const failing = (code: string) => () => Promise.reject(osError(code));
const BREAKING: Readonly<Record<string, Partial<FileSystem>>> = {
  "writing": withOpened((file, path) => path.includes("-tmp-") && (file.write = failing("EIO"))),
  "flushing": withOpened((file, path) => path.includes("-tmp-") && (file.sync = failing("EIO"))),
  "setting the mode": { chmod: failing("EIO") },
  "linking": { link: failing("EIO") },
  "looking for the name": { ...withoutHardLinks, lstat: failing("EIO") },
  "renaming": { ...withoutHardLinks, rename: failing("EIO") },
};

for (const [step, files] of Object.entries(BREAKING)) {
  Deno.test(`a put that fails at ${step} leaves nothing`, async () => {
    await using fixture = await localFixture(files);
    await assert.rejects(fixture.store.put(pack(1), [bytesOf(10)]), StoreError);
    assert.deepEqual(await filesBelow(fixture.root), []);
  });
}

Deno.test("a put aborted while it is flushed leaves nothing", async () => {
  const controller = new AbortController();
  const reason = new Error("stop");
  await using fixture = await localFixture(withOpened((file, path) => {
    const sync = file.sync.bind(file);
    if (path.includes("-tmp-")) file.sync = () => sync().then(() => controller.abort(reason));
  }));
  await assert.rejects(fixture.store.put(pack(1), [bytesOf(10)], controller), reason);
  assert.deepEqual(await filesBelow(fixture.root), []);
});

Deno.test("a put that cannot flush the name fails, with the whole file in place", async () => {
  await using fixture = await localFixture();
  const files = {
    ...fileSystem(),
    ...withOpened((file, path) => path.endsWith(PACK_FOLDER) && (file.sync = failing("EIO"))),
  };
  const store = openLocalStore(fixture.root, { random: countingRandom(), files });
  await assert.rejects(store.put(pack(1), [bytesOf(10)]), StoreError);
  assert.deepEqual(await filesBelow(fixture.root), [PACK]);
  assert.deepEqual(await store.get(pack(1)), bytesOf(10));
});

for (const code of ["ENOENT", "ESTALE"]) {
  Deno.test(`an index file is not listed that a network mount remembers, and that opening does not find (${code})`, async () => {
    const [kept, removed] = [1, 2].map((number) => ({ ...pack(number), kind: "index" as const }));
    const open: FileSystem["open"] = (path, options) => {
      if (options?.read && String(path).endsWith(removed!.name)) return Promise.reject(osError(code));
      return Deno.open(path, options);
    };
    await using fixture = await localFixture({ open });
    for (const file of [kept!, removed!]) await fixture.store.put(file, [bytesOf(10)]);
    assert.deepEqual([...await listing(fixture.store, "index")], [[kept!.name, 10]]);
  });
}

Deno.test("an index file that cannot be opened is listed", async () => {
  const index = { ...pack(1), kind: "index" } as const;
  const open: FileSystem["open"] = (path, options) => {
    return options?.read ? Promise.reject(osError("EACCES")) : Deno.open(path, options);
  };
  const files = { ...fileSystem(), open };
  await using fixture = await localFixture();
  await fixture.store.put(index, [bytesOf(10)]);
  const store = openLocalStore(fixture.root, { random: countingRandom(), files });
  assert.deepEqual([...await listing(store, "index")], [[index.name, 10]]);
});

Deno.test("filesystems that cannot flush folders or set modes will do", async () => {
  const files = {
    ...withOpened((file, path) => !path.includes("-tmp-") && (file.sync = failing("EINVAL"))),
    chmod: failing("EPERM"),
  };
  await using fixture = await localFixture(files);
  await fixture.store.put(pack(1), [bytesOf(10)]);
  assert.deepEqual(await fixture.store.get(pack(1)), bytesOf(10));
});

Deno.test("a link that a file server made and then denied counts as made", async () => {
  const link: FileSystem["link"] = async (from, to) => {
    await Deno.link(from, to);
    throw osError("EEXIST");
  };
  await using fixture = await localFixture({ link });
  await fixture.store.put(pack(1), [bytesOf(10)]);
  assert.deepEqual(await filesBelow(fixture.root), [PACK]);
});

Deno.test("removals are flushed, but for packs", async () => {
  const flushed: string[] = [];
  await using fixture = await localFixture();
  const watched = withOpened((file, path) => {
    const sync = file.sync.bind(file);
    file.sync = () => (flushed.push(path), sync());
  });
  const store = openLocalStore(fixture.root, { random: countingRandom(), files: { ...fileSystem(), ...watched } });
  const index = { ...pack(1), kind: "index" } as const;
  for (const file of [pack(1), index]) await fixture.store.put(file, [bytesOf(1)]);
  for (const file of [pack(1), index]) await store.remove(file);
  assert.deepEqual(flushed, [fixture.at("index")]);
});

Deno.test("a file removed while it is listed is passed over", async () => {
  await using fixture = await localFixture();
  for (const number of [1, 2]) await fixture.store.put(pack(number), [bytesOf(number)]);
  const stat: FileSystem["stat"] = (path) =>
    String(path).endsWith(pack(1).name) ? failing("ENOENT")() : Deno.stat(path);
  const store = openLocalStore(fixture.root, { random: countingRandom(), files: { ...fileSystem(), stat } });
  assert.deepEqual([...await listing(store, "pack")], [[pack(2).name, 2]]);
});

Deno.test("what the operating system reports becomes the error that says what to do", async () => {
  const meanings: readonly (readonly [string, typeof StoreError, boolean])[] = [
    ["ENOENT", NotFoundError, false],
    ["EEXIST", ExistsError, false],
    ["EACCES", DeniedError, false],
    ["EPERM", DeniedError, false],
    ["EROFS", DeniedError, false],
    ["ENOSPC", StoreFullError, false],
    ["EDQUOT", StoreFullError, false],
    ["EMFILE", TemporaryError, true],
    ["ESTALE", TemporaryError, true],
    ["ETIMEDOUT", TemporaryError, true],
    ["EIO", StoreError, true],
    ["ENAMETOOLONG", StoreError, false],
  ];
  for (const [code, expected, retryable] of meanings) {
    const store = openLocalStore("/place", {
      random: countingRandom(),
      files: { ...fileSystem(), readFile: failing(code) },
    });
    await assert.rejects(store.get(pack(1)), (thrown) => {
      assert.ok(thrown instanceof StoreError);
      assert.equal(thrown.constructor, expected, code);
      assert.equal(thrown.retryable, retryable, code);
      assert.ok(thrown.message.includes(`"/place/${PACK}"`) && !thrown.message.includes("\n"), thrown.message);
      assert.equal((thrown.cause as { code?: string }).code, code);
      return true;
    });
  }
});
