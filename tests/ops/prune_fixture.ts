/** Repositories to be pruned: backups that share chunks, some of them forgotten. */
import assert from "node:assert/strict";
import { parseSeries } from "../../src/format/manifest/series.ts";
import { check } from "../../src/ops/check.ts";
import { prune, type PruneOptions, type PruneRequest, type PruneResult } from "../../src/ops/prune.ts";
import { DEFAULT_PRUNE_LIMITS, type PruneLimits } from "../../src/maintain/prune/prune_plan.ts";
import { BlobSet } from "../../src/repository/index/blob_index.ts";
import { readBlob } from "../../src/repository/pack/pack_reader.ts";
import { loadIndex } from "../../src/repository/index/index_files.ts";
import { PackWriter } from "../../src/repository/pack/pack_writer.ts";
import { openRepository, type UnlockedRepository } from "../../src/repository/repository.ts";
import type { BlobStore } from "../../src/store/store.ts";
import {
  accessTo,
  concat,
  copyOf,
  fakeWorld,
  IDENTITY,
  memoryRepository,
  noise,
  PASSWORD,
  putBytes,
  readAllBackups,
} from "../helpers/world.ts";
import { fileOf, packsOf } from "./check_fixture.ts";
import { locked } from "../helpers/locked.ts";

/** Small enough that a few hundred kilobytes make many packs. */
export const PACK_BYTES = 20_000;

/** No waste at all may stay. */
export const STRICT: PruneLimits = { ...DEFAULT_PRUNE_LIMITS, maxUnused: { bytes: 0 } };

/** How many backups `fiveBackups` makes. */
const NIGHTS = 5;

/** Night n: a common beginning, a part shared with the night before, and a part of its own. */
export function night(n: number): Uint8Array {
  return concat([noise(30_000, "common"), noise(20_000, `shared ${n - 1}`), noise(20_000, `shared ${n}`)]);
}

/** A repository with five nights of `prod/shop`; each time a copy. */
export async function fiveBackups(): Promise<BlobStore> {
  backedUp ??= backUp();
  return await copyOf(await backedUp);
}

let backedUp: Promise<BlobStore> | undefined;

async function backUp(): Promise<BlobStore> {
  const world = fakeWorld();
  const { store, access } = await memoryRepository(world);
  for (let n = 1; n <= NIGHTS; n++) {
    const overrides = { series: parseSeries("prod/shop"), chunkAverage: 2048 };
    await putBytes(access, world, night(n), overrides, { packBytes: PACK_BYTES });
    await world.clock.advance(60_000);
  }
  return store;
}

/** Removes the snapshots of those nights, counted from 1. */
export async function forget(store: BlobStore, ...nights: readonly number[]): Promise<void> {
  const backups = await readAllBackups(store, fakeWorld("forget"));
  for (const n of nights) await store.remove({ kind: "snapshot", name: backups[n - 1]!.backup.snapshotId });
}

/** Puts all trees into one pack. */
async function joinTrees(store: BlobStore): Promise<void> {
  const packs = await packsOf(store, "tree");
  await duplicate(store, "tree");
  for (const pack of packs) await store.remove(fileOf(pack));
  await pruneStore(store, { limits: { ...DEFAULT_PRUNE_LIMITS, maxRepackBytes: 0 } });
}

/** `fiveBackups` of which the first, third and fifth night are forgotten: packs of every kind of use. */
export async function halfForgotten(): Promise<BlobStore> {
  const store = await fiveBackups();
  await joinTrees(store);
  await forget(store, 1, 3, 5);
  return store;
}

/** Stores every blob of a type once more, in other packs. */
export async function duplicate(store: BlobStore, type: "data" | "tree"): Promise<void> {
  await storeBlobsAgain(store, type, (await packsOf(store, type)).flatMap(({ blobs }) => blobs.map(({ id }) => id)));
}

/** Stores a chunk once more, in a pack of its own. */
export async function storeAgain(store: BlobStore, id: Uint8Array): Promise<void> {
  await storeBlobsAgain(store, "data", [id]);
}

async function storeBlobsAgain(store: BlobStore, type: "data" | "tree", ids: readonly Uint8Array[]): Promise<void> {
  const { clock, randomBytes } = fakeWorld("duplicate");
  const repository = await openStore(store);
  const indexed = { ...repository, index: await loadIndex(repository.files) };
  const index = new BlobSet();
  const writer = new PackWriter({ repository: locked(repository), index, clock, randomBytes, packBytes: PACK_BYTES });
  for (const id of ids) await writer.addPlaintext(type, await readBlob(indexed, type, id));
  await writer.finish();
}

/** The repository in a store. */
export function openStore(store: BlobStore): Promise<UnlockedRepository> {
  return openRepository(store, { password: PASSWORD, randomBytes: fakeWorld("open").randomBytes });
}

let prunes = 0;

/** Prunes with packs as small as those of the backups, each time as a process that is dead afterwards. */
export function pruneStore(store: BlobStore, options: Partial<PruneRequest & PruneOptions> = {}): Promise<PruneResult> {
  const world = { ...fakeWorld(`prune ${++prunes}`, []), identity: { ...IDENTITY, pid: 5000 + prunes } };
  world.clock.jump(3_600_000);
  const signal = new AbortController().signal;
  return prune(accessTo(store), { limits: STRICT, dryRun: false, packBytes: PACK_BYTES, ...options }, {
    world,
    signal,
    ...options,
  });
}

/** Fails unless a check finds no error and the nights are there to the byte. */
export async function assertHolds(
  store: BlobStore,
  nights: readonly number[],
  label: string,
  { readData = true }: { readData?: boolean } = {},
): Promise<void> {
  const options = { signal: new AbortController().signal, noLock: true, readData };
  const { errors } = await check(accessTo(store), options, { world: fakeWorld("check"), ...options });
  assert.deepEqual(errors, [], label);
  await assertRestores(store, nights, label);
}

/** Fails unless the nights are there to the byte, and no others. */
export async function assertRestores(store: BlobStore, nights: readonly number[], label = ""): Promise<void> {
  const backups = await readAllBackups(store, fakeWorld("read"));
  assert.equal(backups.length, nights.length, label);
  backups.forEach(({ bytes }, i) => assert.deepEqual(bytes, night(nights[i]!), `${label}, night ${nights[i]}`));
}
