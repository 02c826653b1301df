/** Storages on repositories in memory, and short ways to write and read their backups. */
import {
  type AddFileOptions,
  type BackupHandle,
  type BackupStorage,
  openStorage,
  type StartBackupOptions,
} from "../../src/mod.ts";
import type { BlobStore } from "../../src/store/store.ts";
import { accessTo, concat, type FakeWorld, fakeWorld, memoryRepository } from "../helpers/world.ts";

export const SHOP = "zone1/shop";
/** A name as Vitess gives it. */
export const NAME = "2026-11-21.075342.zone1-0000000100";
/** Cuts small streams into many chunks. */
export const SMALL_CHUNKS: StartBackupOptions = { chunkAverage: 1024, packBytes: 20_000 };

/** A storage on a new repository; it is closed with the block that it was made in. */
export interface StorageFixture extends AsyncDisposable {
  readonly storage: BackupStorage;
  readonly store: BlobStore;
  readonly world: FakeWorld;
}

export async function newStorage(seed = "storage"): Promise<StorageFixture> {
  const world = fakeWorld(seed);
  const { store } = await memoryRepository(world);
  return storageOn(store, world);
}

/** One more storage on the same files, as another process would have it. */
export function storageOn(store: BlobStore, world: FakeWorld): StorageFixture {
  const storage = openStorage(accessTo(store), world);
  return { storage, store, world, [Symbol.asyncDispose]: () => storage.close() };
}

/** Writes a file in pieces and closes it. */
export async function writeFile(
  handle: BackupHandle,
  path: string,
  bytes: Uint8Array,
  pieceBytes = 10_000,
  options: AddFileOptions = {},
) {
  const writer = handle.addFile(path, options).getWriter();
  for (let at = 0; at < bytes.length; at += pieceBytes) await writer.write(bytes.subarray(at, at + pieceBytes));
  await writer.close();
}

/** A whole backup of files, one after the other; the signal is given to each of its calls. */
export async function backUp(
  storage: BackupStorage,
  name: string,
  files: Readonly<Record<string, Uint8Array>>,
  options: StartBackupOptions = SMALL_CHUNKS,
) {
  const handle = await storage.startBackup(SHOP, name, options);
  const calls = options.signal ? { signal: options.signal } : {};
  for (const [path, bytes] of Object.entries(files)) await writeFile(handle, path, bytes, undefined, calls);
  return await handle.endBackup(calls);
}

/** The names of all backups of the directory. */
export async function namesIn(storage: BackupStorage, directory = SHOP): Promise<string[]> {
  return (await storage.listBackups(directory)).map(({ name }) => name);
}

/** The handle of a listed backup. */
export async function listed(storage: BackupStorage, name: string): Promise<BackupHandle> {
  const handle = (await storage.listBackups(SHOP)).find((candidate) => candidate.name === name);
  if (handle === undefined) throw new TypeError(`There is no backup ${name}`);
  return handle;
}

/** All bytes of a file. */
export async function readWhole(handle: BackupHandle, path: string): Promise<Uint8Array<ArrayBuffer>> {
  return concat(await Array.fromAsync(await handle.readFile(path)));
}
