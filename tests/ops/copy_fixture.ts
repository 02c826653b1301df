/** Two repositories with different passwords, one of which has backups that are copied into the other one. */
import { check, type CheckReport } from "../../src/ops/check.ts";
import { copy, type CopyOptions, type CopyRequest, type CopyResult } from "../../src/ops/copy.ts";
import { init, readChunking } from "../../src/ops/init.ts";
import type { RepositoryVersion } from "../../src/format/config.ts";
import { encodeConfig } from "../../src/format/config.ts";
import { openRepository } from "../../src/repository/repository.ts";
import { openMemoryStore } from "../../src/store/memory_store.ts";
import { type BlobStore, CONFIG_FILE } from "../../src/store/store.ts";
import { accessTo, CHEAP_KDF, copyOf, fakeWorld, PASSWORD } from "../helpers/world.ts";

/** The password of repositories that take copies. */
export const OTHER_PASSWORD = "another horse";

/** An empty repository to copy into; it cuts as the one in `like` does, if that is given. */
export async function otherRepository({ like }: { readonly like?: BlobStore } = {}): Promise<BlobStore> {
  const world = { ...fakeWorld("other repository"), kdf: CHEAP_KDF };
  const chunking = like && await readChunking(accessTo(like), { world });
  const store = openMemoryStore();
  await init(store, { password: OTHER_PASSWORD, isRandom: false }, { world, chunking });
  return store;
}

/** The same repository as one of another format version; what it holds must fit that. */
export async function withVersion(
  store: BlobStore,
  version: RepositoryVersion,
  password = PASSWORD,
): Promise<BlobStore> {
  const changed = await copyOf(store);
  const { config, sealer } = await openRepository(store, { password, randomBytes: fakeWorld("version").randomBytes });
  await changed.remove(CONFIG_FILE);
  await changed.put(CONFIG_FILE, [sealer.seal(encodeConfig({ ...config, version }))]);
  return changed;
}

/** Small packs, so that a few hundred kilobytes make many. */
const PACK_BYTES = 20_000;

/** Copies from one store into another one. */
export function copyInto(
  other: BlobStore,
  source: BlobStore,
  { names = [], ...rest }: Partial<CopyRequest & CopyOptions> = {},
): Promise<CopyResult> {
  const request = { from: accessTo(source), names, dryRun: false, fromNoLock: false, packBytes: PACK_BYTES, ...rest };
  return copy(accessTo(other, OTHER_PASSWORD), request, { world: fakeWorld(`copy ${copies++}`), ...rest });
}

/** How many copies began. Each has random numbers of its own, as processes have. */
let copies = 0;

/** Checks a repository that took copies, and reads all of it. */
export function fullCheckOf(other: BlobStore): Promise<CheckReport> {
  return check(accessTo(other, OTHER_PASSWORD), { noLock: true, readData: true }, { world: fakeWorld("check") });
}
