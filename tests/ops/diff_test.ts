/** How streams of two backups differ, compared with their bytes. */
import assert from "node:assert/strict";
import { IntegrityError, UsageError } from "../../src/base/errors.ts";
import { parseSeries } from "../../src/format/manifest/series.ts";
import { diff, type DiffRequest, type StreamDifference } from "../../src/ops/stats/diff.ts";
import { listBackups } from "../../src/ops/list.ts";
import { withFaults } from "../helpers/fault_store.ts";
import { saveSnapshot } from "../helpers/snapshots.ts";
import type { BlobStore } from "../../src/store/store.ts";
import { accessTo, concat, fakeWorld, memoryRepository, noise, putBytes } from "../helpers/world.ts";
import { fileOf, packsOf } from "./check_fixture.ts";
import { backUp, newStorage, SHOP } from "./storage_fixture.ts";

const HOUR_MS = 3_600_000;
const PARTS = { single: 8, least: 3, most: 6 };

const BASE = noise(60_000, "base");
/** One place is changed, a row is inserted, and the end is new. */
const CHANGED = concat([
  BASE.subarray(0, 20_000),
  noise(100, "changed"),
  BASE.subarray(20_100, 40_000),
  noise(300, "inserted"),
  BASE.subarray(40_000),
  noise(5000, "appended"),
]);

async function twoNights(limits = {}) {
  const world = fakeWorld("diff");
  const made = await memoryRepository(world);
  const backups = [];
  for (const bytes of [BASE, CHANGED]) {
    backups.push((await putBytes(made.access, world, bytes, { chunkAverage: 2048 }, limits)).backup);
    await world.clock.advance(HOUR_MS);
  }
  return { ...made, world, backups };
}

function diffOf(store: BlobStore, ...selectors: string[]) {
  const request = { selectors: selectors as unknown as DiffRequest["selectors"], noLock: false };
  return diff(accessTo(store), request, { world: fakeWorld("run") });
}

function assertAddsUp({ sizeA, sizeB, bytesInCommon, bytesOnlyInA, bytesOnlyInB }: StreamDifference): void {
  assert.equal(sizeA ?? 0, bytesInCommon + bytesOnlyInA);
  assert.equal(sizeB ?? 0, bytesInCommon + bytesOnlyInB);
}

for (const [what, limits] of [["one list", {}], ["parts", { partLimits: PARTS }]] as const) {
  Deno.test(`two nights differ where their bytes do, and no data is read (${what})`, async () => {
    const { store, backups: [first, second] } = await twoNights(limits);
    const dataPacks = new Set<string>((await packsOf(store, "data")).map((pack) => fileOf(pack).name));
    const manifests = new Set<number>();
    const watched = withFaults(store, ({ method, file }) => {
      if (method === "get" && file?.kind === "pack" && dataPacks.has(file.name)) {
        manifests.add(watched.calls.length);
      }
      return undefined;
    });
    const { a, b, streams: [stream, ...none], isCutAlike } = await diffOf(watched, "prod/shop");
    assert.deepEqual([a.id, b.id, none, isCutAlike], [first!.id, second!.id, [], true], "the two newest");
    assert.ok(manifests.size <= 2, "of data packs, only the manifests are read");
    const { path, state, sizeA, sizeB, bytesOnlyInA, bytesOnlyInB, runsOnlyInA, runsOnlyInB } = stream!;
    assert.deepEqual([path, state, sizeA, sizeB], ["data", "differs", BASE.length, CHANGED.length]);
    assertAddsUp(stream!);
    assert.deepEqual([runsOnlyInA, runsOnlyInB], [3, 3]);
    assert.ok(bytesOnlyInA >= 100 && bytesOnlyInA < 20_000, `${bytesOnlyInA}`);
    assert.ok(bytesOnlyInB >= 5400 && bytesOnlyInB < 25_000, `${bytesOnlyInB}`);
    const turned = (await diffOf(store, "prod/shop", `@${first!.id}`)).streams[0]!;
    assert.deepEqual([turned.bytesOnlyInA, turned.bytesOnlyInB], [bytesOnlyInB, bytesOnlyInA]);
    const same = (await diffOf(store, "prod/shop", `@${second!.id}`)).streams[0]!;
    assert.deepEqual([same.state, same.bytesInCommon, same.chunksInCommon], ["same", CHANGED.length, same.chunksA]);
  });
}

Deno.test("streams are matched by path; a stream of one backup alone is named", async () => {
  await using fixture = await newStorage();
  const { storage, store, world } = fixture;
  const [a, b, d] = ["a", "b", "d"].map((name) => noise(3000, name));
  await backUp(storage, "one", { a: a!, b: b!, c: noise(3000, "c") });
  await world.clock.advance(HOUR_MS);
  await backUp(storage, "two", { a: a!, c: noise(3000, "another c"), d: d! });
  const { streams } = await diffOf(store, SHOP);
  assert.deepEqual(streams.map(({ path, state }) => [path, state]), [
    ["a", "same"],
    ["b", "only in A"],
    ["c", "differs"],
    ["d", "only in B"],
  ]);
  for (const stream of streams) assertAddsUp(stream);
  assert.deepEqual([streams[1]!.bytesOnlyInA, streams[3]!.bytesOnlyInB], [3000, 3000]);
});

Deno.test("backups of different series, cuts and tools are compared", async () => {
  const { world, store, repository, access } = await twoNights();
  await putBytes(access, world, BASE, { series: parseSeries("copy"), chunkAverage: 8192 });
  const differently = await diffOf(store, "prod/shop@2026-01-02T03:30Z", "copy");
  assert.deepEqual([differently.isCutAlike, differently.streams[0]!.state], [false, "same"]);
  const { backups: [shop] } = await listBackups(access, {}, { world });
  const foreign = { ...shop!.snapshot, agent: null, original: null, paths: ["/prod", "/etc"], hostname: "web" };
  const id = await saveSnapshot(repository.files, foreign);
  const { isCutAlike, streams } = await diffOf(store, `@${id}`, "prod/shop");
  assert.equal(isCutAlike, null);
  assert.deepEqual(streams.map(({ path, state }) => [path, state]), [
    ["prod/shop.manifest.json", "only in A"],
    ["prod/shop/data", "differs"],
  ]);
});

Deno.test("names that no backup has, a first backup alone, and damage are refused", async () => {
  const { store, backups: [first] } = await twoNights();
  await assert.rejects(diffOf(store, "prod/shop", "prod/shpo"), /did you mean "prod\/shop"/);
  await assert.rejects(diffOf(store, `@${first!.id}`), (error) => {
    return error instanceof UsageError && /before that one: name the two/.test(error.message);
  });
  await assert.rejects(diffOf((await memoryRepository(fakeWorld("none"))).store, "a", "b"), UsageError);
  for (const pack of await packsOf(store, "tree")) await store.remove(fileOf(pack));
  await assert.rejects(diffOf(store, "prod/shop"), IntegrityError);
});
