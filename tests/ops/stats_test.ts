/** What backups take, compared with sets of blobs that are counted one by one, and with what a prune frees. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { IntegrityError, UsageError } from "../../src/base/errors.ts";
import { encodeHex } from "../../src/base/hex.ts";
import type { BlobId } from "../../src/base/id.ts";
import type { Backup } from "../../src/backup/backup.ts";
import { parseSeries } from "../../src/format/manifest/series.ts";
import { packEntrySize, plaintextLength } from "../../src/format/pack_header.ts";
import { forget } from "../../src/ops/forget.ts";
import { listBackups } from "../../src/ops/list.ts";
import { prune } from "../../src/ops/prune.ts";
import { stats, type StatsReport, type StatsRequest } from "../../src/ops/stats/stats.ts";
import { addSums, type StorageSums } from "../../src/maintain/stats/storage_sums.ts";
import { DEFAULT_PRUNE_LIMITS } from "../../src/maintain/prune/prune_plan.ts";
import { loadIndex } from "../../src/repository/index/index_files.ts";
import type { IndexedRepository, UnlockedRepository } from "../../src/repository/repository.ts";
import { findNode, readTree, subtreeOf } from "../../src/repository/tree/trees.ts";
import type { BlobStore } from "../../src/store/store.ts";
import { saveSnapshot } from "../helpers/snapshots.ts";
import { accessTo, concat, copyOf, fakeWorld, memoryRepository, namesOf, noise, putBytes } from "../helpers/world.ts";
import { duplicate } from "./prune_fixture.ts";

const MONTH_MS = 31 * 86_400_000;
const PACK_BYTES = 20_000;

/** A backup of a series: the numbers of the pieces that its stream consists of. */
interface Night {
  readonly series: string;
  readonly pieces: readonly number[];
}

async function repositoryOf(nights: readonly Night[]) {
  const world = fakeWorld("stats");
  const made = await memoryRepository(world);
  for (const { series, pieces } of nights) {
    const bytes = concat(pieces.map((piece) => noise(9000, `piece ${piece}`)));
    const overrides = { series: parseSeries(series), chunkAverage: 2048, allowEmpty: true };
    await putBytes(made.access, world, bytes, overrides, { packBytes: PACK_BYTES });
    await world.clock.advance(MONTH_MS);
  }
  return { ...made, world };
}

function statsOf(store: BlobStore, request: Partial<StatsRequest> = {}): Promise<StatsReport> {
  return stats(accessTo(store), { noLock: false, ...request }, { world: fakeWorld("run") });
}

/** The ids of all blobs below a tree, each with its type. */
async function blobsOf(repository: IndexedRepository, root: BlobId): Promise<Set<string>> {
  const found = new Set([`tree ${root}`]);
  for (const node of await readTree(repository, root)) {
    if (node.type === "dir") {
      for (const blob of await blobsOf(repository, subtreeOf(node))) found.add(blob);
    } else {
      const content = node.content ?? new Uint8Array(0);
      for (let at = 0; at < content.length; at += 32) found.add(`data ${encodeHex(content, at, 32)}`);
    }
  }
  return found;
}

/** The sums of blobs, one by one from the index. */
function sumsOf({ index }: IndexedRepository, blobs: Iterable<string>): StorageSums {
  return addSums([...blobs].map((blob): StorageSums => {
    const [type, id] = blob.split(" ") as ["data" | "tree", string];
    const place = index.locate(type, Uint8Array.fromHex(id))!;
    const none = { blobs: 0, plainBytes: 0, sealedBytes: 0, headerBytes: 0 };
    const one = {
      blobs: 1,
      plainBytes: plaintextLength(place),
      sealedBytes: place.length,
      headerBytes: packEntrySize(place),
    };
    return { data: none, tree: none, [type]: one };
  }));
}

/** What the selected backups should take, found by comparing sets. */
async function expected(repository: UnlockedRepository, all: readonly Backup[], selected: readonly Backup[]) {
  const indexed = { ...repository, index: await loadIndex(repository.files) };
  const usersOf = new Map<string, Set<string>>();
  for (const backup of all) {
    const user = selected.includes(backup) ? backup.series : "";
    for (const blob of await blobsOf(indexed, backup.snapshot.tree)) {
      usersOf.set(blob, (usersOf.get(blob) ?? new Set()).add(user));
    }
  }
  const blobsWhere = (accepts: (users: Set<string>) => boolean) =>
    sumsOf(indexed, [...usersOf].filter(([, users]) => accepts(users)).map(([blob]) => blob));
  const series = [...new Set(selected.map((backup) => backup.series))].sort();
  return {
    own: series.map((name) => blobsWhere((users) => users.size === 1 && users.has(name))),
    shared: blobsWhere((users) => users.size > 1 && !users.has("")),
    sharedWithOthers: blobsWhere((users) => users.size > 1 && users.has("")),
    total: blobsWhere((users) => users.size > 1 || !users.has("")),
    used: blobsWhere(() => true),
  };
}

function numbersOf({ series, shared, sharedWithOthers, total, repository: { used } }: StatsReport) {
  return { own: series.map(({ own }) => own), shared, sharedWithOthers, total, used };
}

/** Everything in packs, for comparison with a prune. */
function storedBytes({ data, tree }: StorageSums): number {
  return data.sealedBytes + data.headerBytes + tree.sealedBytes + tree.headerBytes;
}

async function unusedBytes(store: BlobStore): Promise<number> {
  const world = { ...fakeWorld("prune", []) };
  const { plan } = await prune(accessTo(store), { limits: DEFAULT_PRUNE_LIMITS, dryRun: true, allowEmpty: true }, {
    world,
  });
  return plan.summary.unused.bytes;
}

const nights: fc.Arbitrary<Night[]> = fc.array(
  fc.record({
    series: fc.constantFrom("prod/shop", "prod/wiki", "dev"),
    pieces: fc.array(fc.integer({ min: 1, max: 6 }), { maxLength: 4 }),
  }),
  { minLength: 2, maxLength: 5 },
);

Deno.test("own and shared are what comparing sets of blobs gives, all adds up, and own is what a prune frees", async () => {
  await fc.assert(
    fc.asyncProperty(nights, fc.constantFrom(undefined, "prod", "prod/shop", "dev"), async (nights, selection) => {
      const { store, repository, access, world } = await repositoryOf(nights);
      const { backups } = await listBackups(access, {}, { world });
      const selected = backups.filter(({ series }) =>
        selection === undefined || `${series}/`.startsWith(`${selection}/`)
      );
      fc.pre(selected.length > 0);
      const report = await statsOf(store, selection === undefined ? {} : { selection });
      const wanted = await expected(repository, backups, selected);
      assert.deepEqual(numbersOf(report), wanted);
      assert.deepEqual(
        addSums([...report.series.map(({ own }) => own), report.shared, report.sharedWithOthers]),
        report.total,
      );
      const { packs, packBytes, used, unusedBytes: unused } = report.repository;
      assert.equal(storedBytes(used) + unused + packs * 36, packBytes);
      const read = selected.reduce((sum, { info }) => sum + info!.size, 0);
      assert.equal(report.series.reduce((sum, { readBytes }) => sum + readBytes, 0), read);
      const before = await unusedBytes(store);
      for (const { snapshotId } of selected) await store.remove({ kind: "snapshot", name: snapshotId });
      const own = [...report.series.map(({ own }) => own), report.shared];
      assert.equal(await unusedBytes(store) - before, storedBytes(addSums(own)));
    }),
    { seed: 12, numRuns: 8 },
  );
});

Deno.test("one backup's own is what nothing else of its series has", async () => {
  const { store, repository, access, world } = await repositoryOf([
    { series: "prod/shop", pieces: [1, 2] },
    { series: "prod/shop", pieces: [1, 3] },
  ]);
  const { backups } = await listBackups(access, {}, { world });
  const [first] = backups;
  const report = await statsOf(store, { selection: `@${first!.id}` });
  assert.deepEqual(numbersOf(report), await expected(repository, backups, [first!]));
  assert.deepEqual([report.series.map(({ backups }) => backups), report.backupsInAll], [[1], 2]);
  const before = await unusedBytes(store);
  await forget(access, { kind: "backups", selectors: [`@${first!.id}`] }, { world });
  assert.equal(await unusedBytes(store) - before, storedBytes(report.series[0]!.own));
});

Deno.test("a tree that others use at another depth, or of another tool, counts as shared with all below it", async () => {
  const { store, repository, access, world } = await repositoryOf([
    { series: "prod/shop", pieces: [1, 2] },
    { series: "dev", pieces: [5] },
  ]);
  const { backups: [shop] } = await listBackups(access, {}, { world });
  const indexed = { ...repository, index: await loadIndex(repository.files) };
  const below = subtreeOf((await findNode(indexed, shop!.snapshot.tree, "prod/shop"))!);
  const foreign = { ...shop!.snapshot, agent: null, summary: null, paths: ["/a", "/b"], tree: below, hostname: "web" };
  await saveSnapshot(repository.files, foreign);
  const { backups } = await listBackups(access, {}, { world });
  for (const selection of ["prod/shop", "a", undefined]) {
    const report = await statsOf(store, selection === undefined ? {} : { selection });
    const selected = backups.filter(({ series }) => selection === undefined || series === selection);
    assert.deepEqual(numbersOf(report), await expected(repository, backups, selected), selection);
  }
  const { series: [a], months } = await statsOf(store, { selection: "a" });
  assert.equal(a!.readBytes, 18_000, "counted from its tree");
  assert.deepEqual(months.map(({ backups, unrecorded }) => [backups, unrecorded]), [[1, 1]]);
});

Deno.test("months have what snapshots recorded, hosts can be told apart, and copies of blobs count as unused", async () => {
  const { store, access, world } = await repositoryOf([
    { series: "prod/shop", pieces: [1, 2] },
    { series: "prod/shop", pieces: [1, 2, 3] },
  ]);
  const { backup } = await putBytes(access, world, noise(5000, "web"), { host: "web" });
  const { months } = await statsOf(store);
  assert.deepEqual(months.map(({ month, backups, readBytes }) => [month, backups, readBytes]), [
    ["2026-01", 1, 18_000],
    ["2026-02", 1, 27_000],
    ["2026-03", 1, 5000],
  ]);
  assert.ok(months[1]!.addedBytes < 20_000 && months[1]!.storedBytes > months[1]!.addedBytes / 2);
  const ofHost = await statsOf(store, { selection: "prod", host: "web" });
  assert.deepEqual(ofHost.series.map(({ series, backups, readBytes }) => [series, backups, readBytes]), [
    [backup.series, 1, 5000],
  ]);
  const before = await statsOf(store);
  await duplicate(store, "data");
  const after = await statsOf(store);
  assert.deepEqual(after.total, before.total);
  assert.equal(after.repository.unusedBlobs, before.total.data.blobs);
});

Deno.test("an empty repository takes nothing; wrong names and damage are refused", async () => {
  const world = fakeWorld("empty");
  const empty = await memoryRepository(world);
  const report = await statsOf(empty.store);
  assert.deepEqual([report.series, report.months, report.backupsInAll, report.repository.packs], [[], [], 0, 0]);
  const { store } = await repositoryOf([{ series: "prod/shop", pieces: [1, 2] }]);
  await assert.rejects(statsOf(store, { selection: "prod/shpo" }), /did you mean "prod\/shop"/);
  await assert.rejects(statsOf(store, { selection: "prod/shop@2020-01-01" }), UsageError);
  await assert.rejects(statsOf(store, { selection: "prod/shop@latest", host: "db1" }), UsageError);
  await assert.rejects(statsOf(store, { host: "db2" }), /did you mean "db1"/);
  const damaged = await copyOf(store);
  await damaged.put({ kind: "snapshot", name: noise(32, "junk").toHex() }, [noise(100, "junk")]);
  assert.equal((await statsOf(damaged)).damaged.length, 1);
  await damaged.remove({ kind: "pack", name: (await namesOf(damaged, "pack"))[0]! });
  await assert.rejects(statsOf(damaged), IntegrityError);
});
