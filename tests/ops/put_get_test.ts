/** Put and get, end to end in memory: what goes in comes out, and what is there already is not stored again. */
import assert from "node:assert/strict";
import { createHash, hash } from "node:crypto";
import { findNode } from "../../src/repository/tree/trees.ts";
import { loadIndex } from "../../src/repository/index/index_files.ts";
import type { Backup } from "../../src/backup/backup.ts";
import type { CompressionLevel } from "../../src/codec/compression.ts";
import { encodeManifest } from "../../src/format/manifest/manifest.ts";
import { parseFileName, parseSeries } from "../../src/format/manifest/series.ts";
import type { BlobStore } from "../../src/store/store.ts";
import type { UnlockedRepository } from "../../src/repository/repository.ts";
import {
  concat,
  fakeWorld,
  getBytes,
  memoryRepository,
  namesOf,
  noise,
  putBytes,
  readAllBackups,
  sqlDump,
} from "../helpers/world.ts";

function assertSame(actual: Uint8Array, expected: Uint8Array): void {
  assert.equal(actual.length, expected.length);
  assert.equal(hash("sha256", actual), hash("sha256", expected));
}

const MIXED = concat([sqlDump(3000, "mixed"), noise(300_000, "mixed"), new Uint8Array(200_000), sqlDump(500, "mixed")]);

const WAYS: readonly [CompressionLevel, number][] = [
  ["off", 4096],
  ["fastest", 10 * 1024],
  ["auto", 1024],
  ["auto", 2 * 1024 * 1024],
  ["max", 65536],
];

for (const [compression, chunkAverage] of WAYS) {
  Deno.test(`a stream comes back, compression ${compression}, chunks of ${chunkAverage} bytes`, async () => {
    const world = { ...fakeWorld(), blobThreads: 2 };
    const { access } = await memoryRepository(world);
    const { manifest } = await putBytes(access, world, MIXED, { compression, chunkAverage });
    const [file] = manifest.files;
    assert.equal(file!.size, MIXED.length);
    assert.equal(file!.md5, createHash("md5").update(MIXED).digest("hex"));
    assert.equal(file!.sha256, hash("sha256", MIXED));
    assert.equal(manifest.chunker.average, chunkAverage);
    const { bytesRead, bytesAdded, bytesStored, blobsNew, blobsReused } = manifest.stats;
    assert.equal(bytesRead, MIXED.length);
    assert.equal(blobsNew + blobsReused, file!.blobs);
    assert.ok(bytesAdded <= bytesRead);
    assert.equal(bytesStored > bytesAdded + 32 * blobsNew, compression === "off");
    assertSame(await getBytes(access, world, "prod/shop"), MIXED);
  });
}

Deno.test("lengths around the borders of segments come back", async () => {
  const world = fakeWorld();
  const { access, store } = await memoryRepository(world);
  const data = noise(2 * 2 ** 20 + 1, "borders");
  const lengths = [1, 2 ** 20 - 1, 2 ** 20, 2 ** 20 + 1, 2 * 2 ** 20];
  for (const length of lengths) {
    await putBytes(access, world, data.subarray(0, length), { series: parseSeries(`length/${length}`) });
  }
  const backups = await readAllBackups(store, world);
  assert.deepEqual(backups.map(({ bytes }) => bytes.length).toSorted((a, b) => a - b), lengths);
  for (const { bytes } of backups) assertSame(bytes, data.subarray(0, bytes.length));
  assertSame(await getBytes(access, world, `length/${2 ** 20 + 1}`), data.subarray(0, 2 ** 20 + 1));
});

Deno.test("names with slashes, spaces and letters of all kinds are found again", async () => {
  const world = fakeWorld();
  const { access } = await memoryRepository(world);
  const series = parseSeries("kunden/Größe & <Co>/日本");
  await putBytes(access, world, sqlDump(10, "names"), { series, fileName: parseFileName("dump ü.sql") });
  assertSame(await getBytes(access, world, series), sqlDump(10, "names"));
});

async function seriesTree(repository: UnlockedRepository, { snapshot }: Backup): Promise<string> {
  const index = await loadIndex(repository.files);
  return (await findNode({ ...repository, index }, snapshot.tree, "prod/shop"))!.subtree!;
}

Deno.test("stored is what the packs and indexes of the store grew by, whatever it was that grew", async () => {
  const world = fakeWorld();
  const { access, store } = await memoryRepository(world);
  const dump = sqlDump(5000, "growth");
  const laterNight = concat([dump.subarray(0, 30_000), noise(20_000, "change"), dump.subarray(30_000)]);
  for (const data of [dump, dump, laterNight, new Uint8Array(0)]) {
    const before = await grownBytes(store);
    const partLimits = { single: 40, least: 10, most: 20 };
    const { backup, manifest } = await putBytes(access, world, data, { allowEmpty: true }, { partLimits });
    const stored = backup.info!.stored;
    assert.equal(stored, await grownBytes(store) - before);
    const { bytesStored } = manifest.stats;
    assert.ok(bytesStored < stored && stored < 1.2 * bytesStored + 4000, `${bytesStored} of ${stored}`);
    world.clock.jump(86_400_000);
  }
});

async function grownBytes(store: BlobStore): Promise<number> {
  const files = [...await Array.fromAsync(store.list("pack")), ...await Array.fromAsync(store.list("index"))];
  return files.reduce((sum, { size }) => sum + size, 0);
}

Deno.test("equal data adds almost nothing, and its content list is the parent's blob again", async () => {
  const world = fakeWorld();
  const { access, store, repository } = await memoryRepository(world);
  const data = concat([sqlDump(20_000, "equal"), noise(500_000, "equal")]);
  const first = await putBytes(access, world, data);
  world.clock.jump(86_400_000);
  const second = await putBytes(access, world, data);
  assert.equal(second.manifest.stats.blobsNew, 0);
  assert.equal(second.manifest.stats.blobsReused, first.manifest.files[0]!.blobs);
  assert.ok(second.backup.info!.stored < 3000, `${second.backup.info!.stored} bytes were stored`);
  assert.equal(await seriesTree(repository, second.backup), await seriesTree(repository, first.backup));
  world.clock.jump(86_400_000);
  const third = await putBytes(access, world, data);
  assert.equal(await seriesTree(repository, third.backup), await seriesTree(repository, first.backup));
  assert.equal(third.backup.info!.modified, first.manifest.started);
  assert.deepEqual([first, second, third].map(({ manifest }) => manifest.level), [0, 1, 2]);
  assert.deepEqual([second, third].map(({ manifest }) => manifest.parent), [first.backup.id, second.backup.id]);
  assert.deepEqual([first, second, third].map(({ manifest }) => manifest.base), [
    null,
    first.backup.id,
    first.backup.id,
  ]);
  assert.equal(third.backup.snapshot.parent, second.backup.snapshotId);
  for (const { bytes } of await readAllBackups(store, world)) assertSame(bytes, data);
});

Deno.test("what is taken away leaves the rest to be found again", async () => {
  const world = fakeWorld();
  const { access, store } = await memoryRepository(world);
  const data = sqlDump(20_000, "shorter");
  await putBytes(access, world, data);
  const cut = data.subarray(0, data.length - 500_000);
  const { manifest, backup } = await putBytes(access, world, cut);
  assert.ok(manifest.stats.blobsNew <= 1);
  assert.notEqual(backup.info!.modified, undefined);
  assertSame((await readAllBackups(store, world)).at(-1)!.bytes, cut);
});

Deno.test("of an edited dump only the chunks around the edits are stored", async () => {
  const world = fakeWorld();
  const { access, store } = await memoryRepository(world);
  const data = sqlDump(40_000, "edited");
  const first = await putBytes(access, world, data);
  const edited = concat([data.subarray(0, 1_000_000), noise(40, "edit"), data.subarray(1_000_100)]);
  const second = await putBytes(access, world, edited);
  assert.ok(first.manifest.stats.blobsNew > 200);
  assert.ok(second.manifest.stats.blobsNew <= 6, `${second.manifest.stats.blobsNew} new chunks`);
  assertSame((await readAllBackups(store, world)).at(-1)!.bytes, edited);
});

Deno.test("a series goes on the way it was cut, unless told otherwise", async () => {
  const world = fakeWorld();
  const { access } = await memoryRepository(world);
  const averages: number[] = [];
  for (const chunkAverage of [4096, undefined, 8192, undefined]) {
    averages.push((await putBytes(access, world, noise(50_000, "cut"), { chunkAverage })).manifest.chunker.average);
  }
  const other = await putBytes(access, world, noise(50_000, "cut"), { series: parseSeries("other") });
  assert.deepEqual([...averages, other.manifest.chunker.average], [4096, 4096, 8192, 8192, 10 * 1024]);
});

Deno.test("another host's backups of the series are neither parent nor in the way", async () => {
  const world = fakeWorld();
  const { access, store } = await memoryRepository(world);
  await putBytes(access, world, sqlDump(100, "a"), { host: "db1" });
  const other = await putBytes(access, world, sqlDump(100, "a"), { host: "db2" });
  assert.equal(other.manifest.level, 0);
  assert.equal(other.manifest.stats.blobsNew, 0);
  assert.equal((await readAllBackups(store, world)).length, 2);
});

Deno.test("an earlier backup comes back by its id and by its time", async () => {
  const world = fakeWorld();
  const { access } = await memoryRepository(world);
  const first = await putBytes(access, world, sqlDump(100, "first"));
  world.clock.jump(3_600_000);
  await putBytes(access, world, sqlDump(100, "second"));
  assertSame(await getBytes(access, world, `@${first.backup.id.slice(0, 10)}`), sqlDump(100, "first"));
  assertSame(await getBytes(access, world, `prod/shop@${first.manifest.started}`), sqlDump(100, "first"));
  assertSame(await getBytes(access, world, "prod/shop"), sqlDump(100, "second"));
});

Deno.test("the snapshot says what restic and ls want to know", async () => {
  const world = fakeWorld();
  const { access } = await memoryRepository(world);
  const { backup: { snapshot }, manifest } = await putBytes(access, world, sqlDump(100, "snapshot"), {
    guard: "auto",
    tags: ["nightly", "b"],
    runType: "daily",
  });
  assert.deepEqual(snapshot.paths, ["/prod/shop"]);
  assert.deepEqual(snapshot.tags, ["nightly", "b"]);
  const manifestBytes = encodeManifest(manifest).length;
  assert.equal(snapshot.summary!.totalBytesProcessed, manifest.stats.bytesRead + manifestBytes);
  assert.equal(snapshot.summary!.totalFilesProcessed, 2);
  assert.deepEqual(manifest.files[0]!.guard, { format: "mysqldump", complete: true });
  const { runType, complete, guard, size, files, level } = snapshot.agent!;
  assert.deepEqual({ runType, complete, guard, size, files, level }, {
    runType: "daily",
    complete: true,
    guard: "mysqldump",
    size: manifest.stats.bytesRead,
    files: 1,
    level: 0,
  });
});

Deno.test("the snapshot says whether its files are new, changed or as they were", async () => {
  const world = fakeWorld();
  const { access } = await memoryRepository(world);
  const counts: (readonly number[])[] = [];
  for (const rows of [100, 100, 200]) {
    const { backup: { snapshot: { summary } } } = await putBytes(access, world, sqlDump(rows, "counts"));
    counts.push([summary!.filesNew, summary!.filesChanged, summary!.filesUnmodified]);
    world.clock.jump(3_600_000);
  }
  assert.deepEqual(counts, [[1, 0, 0], [0, 0, 1], [0, 1, 0]]);
});

Deno.test("the locks are gone afterwards", async () => {
  const world = fakeWorld();
  const { access, store } = await memoryRepository(world);
  await putBytes(access, world, sqlDump(10, "locks"));
  await getBytes(access, world, "prod/shop");
  assert.deepEqual(await namesOf(store, "lock"), []);
});
