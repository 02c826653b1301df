/** Repositories to be checked: how they are made, damaged and looked into. */
import { encodeHex } from "../../src/base/hex.ts";
import type { PackId } from "../../src/base/id.ts";
import type { Snapshot } from "../../src/format/snapshot.ts";
import { loadIndex } from "../../src/repository/index/index_files.ts";
import { loadSnapshots } from "../../src/repository/snapshots.ts";
import { findNode } from "../../src/repository/tree/trees.ts";
import { parseSeries } from "../../src/format/manifest/series.ts";
import { decodeIndex, type IndexedPack } from "../../src/format/index/index_file.ts";
import { encodeIndex } from "../helpers/encode_index.ts";
import type { PackedBlob } from "../../src/format/blob.ts";
import {
  check,
  type CheckFinding,
  type CheckOptions,
  type CheckReport,
  type CheckRequest,
} from "../../src/ops/check.ts";
import { type IndexedRepository, openRepository, type UnlockedRepository } from "../../src/repository/repository.ts";
import type { BlobStore, FileName } from "../../src/store/store.ts";
import {
  accessTo,
  concat,
  copyOf,
  type FakeWorld,
  fakeWorld,
  memoryRepository,
  namesOf,
  noise,
  PASSWORD,
  putBytes,
} from "../helpers/world.ts";

/** A repository under test. */
export interface Checked {
  readonly store: BlobStore;
  readonly repository: UnlockedRepository;
  readonly world: FakeWorld;
}

/** Two nights of `prod/shop`, the second one with more at its end, and one backup of `blog`; each time a copy. */
export async function threeBackups(): Promise<Checked> {
  backedUp ??= backUpThreeTimes();
  const store = await copyOf(await backedUp);
  const world = fakeWorld("check");
  const repository = await openRepository(store, { password: PASSWORD, randomBytes: world.randomBytes });
  return { store, repository, world };
}

let backedUp: Promise<BlobStore> | undefined;

async function backUpThreeTimes(): Promise<BlobStore> {
  const world = fakeWorld();
  const { store, access } = await memoryRepository(world);
  const first = noise(60_000, "shop");
  await putBytes(access, world, first);
  await world.clock.advance(60_000);
  await putBytes(access, world, concat([first, noise(60_000, "more")]));
  await world.clock.advance(60_000);
  await putBytes(access, world, noise(50_000, "blog"), { series: parseSeries("blog") });
  return store;
}

/** Checks the repository in a store. */
export function checkStore(
  { store, world }: Pick<Checked, "store" | "world">,
  options: Partial<CheckRequest & CheckOptions> = {},
  password = PASSWORD,
): Promise<CheckReport> {
  const signal = new AbortController().signal;
  return check(accessTo(store, password), { noLock: false, readData: false, ...options }, {
    world,
    signal,
    ...options,
  });
}

/** What a finding hits, as `series` once for each backup. */
export function seriesOf({ backups }: CheckFinding): string[] {
  return backups.map(({ series }) => series);
}

/** Puts other bytes in the place of a file. */
export async function replace(
  store: BlobStore,
  file: FileName,
  change: (bytes: Uint8Array) => Uint8Array,
): Promise<void> {
  const changed = change(await store.get(file));
  await store.remove(file);
  await store.put(file, [changed]);
}

/** A change of one bit at a byte, counted from the end where negative. */
export function flipBit(at: number): (bytes: Uint8Array) => Uint8Array {
  return (bytes) => {
    const changed = bytes.slice();
    changed[at < 0 ? bytes.length + at : at]! ^= 1;
    return changed;
  };
}

/** A pack as an index describes it. */
export interface ReadPack extends IndexedPack {
  readonly name: PackId;
  readonly blobs: PackedBlob[];
}

/** The packs of each index file, by the file's name. */
export async function readIndexes(store: BlobStore): Promise<Map<string, ReadPack[]>> {
  const { files } = await openRepository(store, { password: PASSWORD, randomBytes: (count) => new Uint8Array(count) });
  const indexes = new Map<string, ReadPack[]>();
  for (const name of await namesOf(store, "index")) {
    const packs: ReadPack[] = [];
    decodeIndex(await files.load("index", name as never), "index", {
      pack(id) {
        packs.push({ id: id.slice(), name: encodeHex(id) as PackId, blobs: [] });
      },
      blob(type, id, offset, length, uncompressedLength) {
        packs.at(-1)!.blobs.push({ type, id: id.slice(), offset, length, uncompressedLength });
      },
    });
    indexes.set(name, packs);
  }
  return indexes;
}

/** All packs that hold blobs of a type. */
export async function packsOf(store: BlobStore, type: "data" | "tree"): Promise<ReadPack[]> {
  return [...(await readIndexes(store)).values()].flat().filter(({ blobs }) => blobs[0]!.type === type);
}

/** Puts an index file with other content in the place of the one that describes a pack. */
export async function rewriteIndexOf(
  { store, repository }: Checked,
  pack: ReadPack,
  change: (packs: ReadPack[]) => readonly IndexedPack[],
): Promise<void> {
  for (const [name, packs] of await readIndexes(store)) {
    if (!packs.some(({ name }) => name === pack.name)) continue;
    await repository.files.save("index", encodeIndex(change(packs)));
    await store.remove({ kind: "index", name });
  }
}

/** The file of a pack. */
export function fileOf({ name }: ReadPack) {
  return { kind: "pack", name } as const;
}

/** The repository with its index loaded. */
export async function indexed({ repository }: Checked): Promise<IndexedRepository> {
  return { ...repository, index: await loadIndex(repository.files) };
}

/** The snapshots of a series, oldest first. */
export async function backupsOf({ repository }: Checked, series: string): Promise<Snapshot[]> {
  const { snapshots } = await loadSnapshots(repository.files);
  return snapshots.map(({ snapshot }) => snapshot).filter(({ agent }) => agent?.series === series);
}

/** The pack that holds a blob, and the blob in it. */
export async function placeOf({ store }: Checked, type: "data" | "tree", id: string) {
  for (const pack of await packsOf(store, type)) {
    const blob = pack.blobs.find((blob) => encodeHex(blob.id) === id);
    if (blob) return { pack, blob };
  }
  throw new TypeError(`No ${type} blob ${id}`);
}

/** Where chunk number `chunk` of a stream lies, counted from its end where negative. */
export async function blobOf(checked: Checked, series: string, { night, chunk }: { night: number; chunk: number }) {
  const { tree } = (await backupsOf(checked, series))[night - 1]!;
  const { content } = (await findNode(await indexed(checked), tree, `${series}/data`))!;
  const at = chunk < 0 ? content!.length + chunk * 32 : chunk * 32;
  return await placeOf(checked, "data", encodeHex(content!, at, 32));
}

/** The pack that holds the first chunk of a series. */
export async function packWithDataOf(checked: Checked, series: string): Promise<ReadPack> {
  return (await blobOf(checked, series, { night: 1, chunk: 0 })).pack;
}
