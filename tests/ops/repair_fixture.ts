/** Repositories that are damaged in every way, and what must be left of them after repairs. */
import { encodeHex } from "../../src/base/hex.ts";
import { backupOf } from "../../src/backup/backup.ts";
import { check, type CheckReport } from "../../src/ops/check.ts";
import { repairIndex, type RepairIndexRequest } from "../../src/ops/repair/repair_index.ts";
import { repairPacks, type RepairPacksRequest } from "../../src/ops/repair/repair_packs.ts";
import type { RepairOptions } from "../../src/ops/repair/repair_session.ts";
import { repairSnapshots, type RepairSnapshotsRequest } from "../../src/ops/repair/repair_snapshots.ts";
import { loadSnapshots } from "../../src/repository/snapshots.ts";
import { findNode } from "../../src/repository/tree/trees.ts";
import type { BlobStore } from "../../src/store/store.ts";
import { accessTo, concat, type FakeWorld, getBytes, namesOf, noise } from "../helpers/world.ts";
import {
  backupsOf,
  blobOf,
  type Checked,
  fileOf,
  flipBit,
  indexed,
  packsOf,
  packWithDataOf,
  placeOf,
  replace,
  rewriteIndexOf,
  threeBackups,
} from "./check_fixture.ts";

/** The streams of `threeBackups`. */
export const NIGHT_1 = noise(60_000, "shop");
export const NIGHT_2 = concat([NIGHT_1, noise(60_000, "more")]);
const BLOG = noise(50_000, "blog");

const signal = new AbortController().signal;

/** Runs one repair on a store. */
export function index({ store, world }: Place, options: Partial<RepairIndexRequest & RepairOptions> = {}) {
  return repairIndex(accessTo(store), { dryRun: false, readAllPacks: false, ...options }, {
    world,
    signal,
    ...options,
  });
}

export async function packs({ store, world }: Place, options: Partial<RepairPacksRequest & RepairOptions> = {}) {
  const repair = await repairPacks(accessTo(store), { dryRun: false, packs: [], ...options }, {
    world,
    signal,
    ...options,
  });
  return { ...repair, lost: [...repair.lost] };
}

export function snapshots({ store, world }: Place, options: Partial<RepairSnapshotsRequest & RepairOptions> = {}) {
  return repairSnapshots(accessTo(store), { dryRun: false, backups: [], forget: false, ...options }, {
    world,
    signal,
    ...options,
  });
}

/** A store and the world around it. */
export interface Place {
  readonly store: BlobStore;
  readonly world: FakeWorld;
}

/** All repairs in their order; gives what the last one found. */
export async function repairAll(place: Place, forget = true) {
  await index(place);
  await packs(place);
  return await snapshots(place, { forget });
}

/** A check that reads everything. */
export function fullCheck({ store, world }: Place): Promise<CheckReport> {
  return check(accessTo(store), { noLock: false, readData: true }, { world, signal });
}

/** One kind of damage and the backups it hits, each as its series and number from 1, in the order of their times. */
interface Damage {
  readonly apply: (checked: Checked) => Promise<unknown>;
  readonly hits: readonly string[];
}

const ALL_SHOP = ["prod/shop 1", "prod/shop 2"];

export const DAMAGES: Readonly<Record<string, Damage>> = {
  "nothing": { apply: () => Promise.resolve(), hits: [] },
  "a missing data pack": { apply: async (at) => remove(at, await packWithDataOf(at, "prod/shop")), hits: ALL_SHOP },
  "a data pack cut in its header": {
    apply: async (at) => change(at, await packWithDataOf(at, "blog"), (bytes) => bytes.slice(0, -9)),
    hits: [],
  },
  "a data pack cut in a blob": {
    apply: async (at) => change(at, await packWithDataOf(at, "blog"), (bytes) => bytes.slice(0, 20_000)),
    hits: ["blog 1"],
  },
  "a flipped bit in a blob": { apply: (at) => flipChunk(at, "prod/shop", 2, -1), hits: ["prod/shop 2"] },
  "a flipped bit in a blob of the first night": { apply: (at) => flipChunk(at, "prod/shop", 1, 1), hits: ALL_SHOP },
  "a flipped bit in a header": {
    apply: async (at) => change(at, await packWithDataOf(at, "blog"), flipBit(-30)),
    hits: [],
  },
  "a flipped bit in the header of a pack of trees": {
    apply: async (at) => change(at, (await packsOf(at.store, "tree"))[0]!, flipBit(-30)),
    hits: [],
  },
  "a missing index file": {
    apply: async ({ store }) => store.remove({ kind: "index", name: (await namesOf(store, "index"))[0]! }),
    hits: [],
  },
  "no index at all": {
    apply: async ({ store }) => {
      for (const name of await namesOf(store, "index")) await store.remove({ kind: "index", name });
    },
    hits: [],
  },
  "a flipped bit in an index file": {
    apply: async ({ store }) =>
      replace(store, { kind: "index", name: (await namesOf(store, "index"))[1]! }, flipBit(70)),
    hits: [],
  },
  "an index that shifts blobs": {
    apply: async (at) =>
      rewriteIndexOf(at, await packWithDataOf(at, "blog"), (packs) =>
        packs.map((pack) => ({
          ...pack,
          blobs: pack.blobs.map((blob) => ({ ...blob, offset: blob.offset + 1 })),
        }))),
    hits: [],
  },
  "an index that lists half of a pack": {
    apply: async (at) =>
      rewriteIndexOf(
        at,
        await packWithDataOf(at, "blog"),
        (packs) => packs.map((pack) => ({ ...pack, blobs: pack.blobs.slice(0, Math.ceil(pack.blobs.length / 2)) })),
      ),
    hits: [],
  },
  "a missing pack of trees": {
    apply: async (at) => {
      const [, second] = await backupsOf(at, "prod/shop");
      await remove(at, (await placeOf(at, "tree", second!.tree)).pack);
    },
    hits: ["prod/shop 2"],
  },
  "a flipped bit in the tree of a series": {
    apply: async (at) => {
      const [blog] = await backupsOf(at, "blog");
      const { subtree } = (await findNode(await indexed(at), blog!.tree, "blog"))!;
      const { pack, blob } = await placeOf(at, "tree", subtree!);
      await change(at, pack, flipBit(blob.offset + 20));
    },
    hits: ["blog 1"],
  },
  "a lost manifest": {
    apply: async (at) => {
      const [blog] = await backupsOf(at, "blog");
      const { content } = (await findNode(await indexed(at), blog!.tree, "blog.manifest.json"))!;
      const { pack, blob } = await placeOf(at, "data", encodeHex(content!, 0, 32));
      await change(at, pack, flipBit(blob.offset + 20));
    },
    hits: ["blog 1"],
  },
};

async function remove({ store }: Checked, pack: Awaited<ReturnType<typeof packWithDataOf>>): Promise<void> {
  await store.remove(fileOf(pack));
}

function change(
  { store }: Checked,
  pack: Awaited<ReturnType<typeof packWithDataOf>>,
  how: (b: Uint8Array) => Uint8Array,
) {
  return replace(store, fileOf(pack), how);
}

/** Damages one chunk of a stream. */
export async function flipChunk(at: Checked, series: string, night: number, chunk: number): Promise<void> {
  const { pack, blob } = await blobOf(at, series, { night, chunk });
  await change(at, pack, flipBit(blob.offset + 20));
}

/** A repository of three backups with a damage. */
export async function damaged(name: string): Promise<Checked> {
  const checked = await threeBackups();
  await DAMAGES[name]!.apply(checked);
  return checked;
}

/** The backups that are there, by series and number, and the stream of each; series of what is left have no stream. */
export async function readWhole({ store, repository, world }: Checked): Promise<Map<string, Uint8Array>> {
  const { snapshots } = await loadSnapshots(repository.files);
  const streams = new Map<string, Uint8Array>();
  for (const { id, snapshot } of snapshots) {
    const { series } = backupOf({ id, snapshot });
    if (snapshot.agent === null) continue;
    const night = snapshot.agent.level === 0 ? 1 : 2;
    streams.set(`${series} ${night}`, await getBytes(accessTo(store), world, `@${id}`));
  }
  return streams;
}

/** What `readWhole` gives where only these are not whole. */
export function wholeBut(hits: readonly string[]): Map<string, Uint8Array> {
  const all = [["prod/shop 1", NIGHT_1], ["prod/shop 2", NIGHT_2], ["blog 1", BLOG]] as const;
  return new Map(all.filter(([name]) => !hits.includes(name)));
}
