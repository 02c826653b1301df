/** Local stores in folders that go away after a test. */
import { dirname } from "node:path/posix";
import { openLocalStore } from "../../src/store/local/local_store.ts";
import type { FileSystem } from "../../src/store/local/local_file.ts";
import type { BlobStore } from "../../src/store/store.ts";
import type { StoreFixture } from "../conformance/store_suite.ts";

/** Bytes that count up, so that no two calls of the program give the same. */
export function countingRandom(): (lengthBytes: number) => Uint8Array {
  let calls = 0;
  return (lengthBytes) => {
    const bytes = new Uint8Array(lengthBytes);
    new DataView(bytes.buffer).setUint32(lengthBytes - 4, ++calls);
    return bytes;
  };
}

/** A local store in a folder of its own. */
export interface LocalFixture extends StoreFixture, AsyncDisposable {
  /** The repository's folder. */
  readonly root: string;
  /** The full path of a file, given relative to the root. */
  readonly at: (path: string) => string;
}

/** Where temporary files lie on a real disk. */
export const DISK_FOLDER = Deno.env.get("TMPDIR") ?? "/tmp";

/** A folder whose flushes cost nothing, where the machine has one; it may be small. */
export const QUICK_FOLDER = await isFolder("/dev/shm") ? "/dev/shm" : DISK_FOLDER;

async function isFolder(path: string): Promise<boolean> {
  return await Deno.stat(path).then(({ isDirectory }) => isDirectory, () => false);
}

/** An empty, created local store; `files` replaces parts of the filesystem, `parent` says where its folder is made. */
export async function localFixture(
  files: Partial<FileSystem> = {},
  { parent = QUICK_FOLDER }: { parent?: string } = {},
): Promise<LocalFixture> {
  const folder = await Deno.makeTempDir({ prefix: "agent-store-", dir: parent });
  const root = `${folder}/repo`;
  const random = countingRandom();
  const open = (): BlobStore => openLocalStore(root, { random, files: { ...fileSystem(), ...files } });
  const store = open();
  await store.create();
  const dispose = async () => {
    await store.close();
    await Deno.remove(folder, { recursive: true });
  };
  return {
    store,
    root,
    at: (path) => `${root}/${path}`,
    reopen: () => Promise.resolve(open()),
    async plant(path, bytes) {
      await Deno.mkdir(dirname(`${root}/${path}`), { recursive: true });
      await Deno.writeFile(`${root}/${path}`, bytes);
    },
    dispose,
    [Symbol.asyncDispose]: dispose,
  };
}

/** The machine's filesystem as an object whose parts can be replaced. */
export function fileSystem(): FileSystem {
  const { chmod, link, lstat, mkdir, open, readDir, readFile, remove, rename, stat } = Deno;
  return { chmod, link, lstat, mkdir, open, readDir, readFile, remove, rename, stat };
}

/** A failure as the operating system reports it through Deno. */
export function osError(code: string): Error {
  return Object.assign(new Error(`failed on purpose with ${code}`), { code });
}

/** A filesystem without hard links, such as FAT. */
export const withoutHardLinks: Partial<FileSystem> = { link: () => Promise.reject(osError("EPERM")) };

/** The paths of all files below a folder, relative to it and sorted. */
export async function filesBelow(folder: string, prefix = ""): Promise<string[]> {
  const paths: string[] = [];
  for await (const entry of Deno.readDir(folder)) {
    if (entry.isDirectory) paths.push(...await filesBelow(`${folder}/${entry.name}`, `${prefix}${entry.name}/`));
    else paths.push(prefix + entry.name);
  }
  return paths.sort();
}
