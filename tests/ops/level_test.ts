/** Puts under rules for levels: what is continued, and what happens where that is damaged. */
import assert from "node:assert/strict";
import type { Backup } from "../../src/backup/backup.ts";
import { decodeHex } from "../../src/base/hex.ts";
import { shortId } from "../../src/base/id.ts";
import { parseSeries } from "../../src/format/manifest/series.ts";
import { loadIndex } from "../../src/repository/index/index_files.ts";
import { loadSnapshots } from "../../src/repository/snapshots.ts";
import { saveSnapshot } from "../helpers/snapshots.ts";
import type { UnlockedRepository } from "../../src/repository/repository.ts";
import type { PutRequest } from "../../src/ops/put.ts";
import { type FakeWorld, fakeWorld, memoryRepository, noise, putBytes, sqlDump } from "../helpers/world.ts";

const DAY_MS = 86_400_000;
const DUMP = sqlDump(300, "levels");

async function scene(seed: string) {
  const world = fakeWorld(seed);
  const { store, repository, access } = await memoryRepository(world);
  const put = async (overrides: Partial<PutRequest> = {}, bytes = DUMP) => {
    world.clock.jump(DAY_MS);
    const { backup, decision } = await putBytes(access, world, bytes, overrides);
    return { backup, decision, level: backup.info!.level, parent: backup.info!.parent };
  };
  return { world, store, repository, access, put };
}

/** The levels of so many puts in a row under the same conditions. */
async function levelsOf(seed: string, count: number, overrides: Partial<PutRequest>): Promise<number[]> {
  const { put } = await scene(seed);
  const levels: number[] = [];
  for (let i = 0; i < count; i++) levels.push((await put(overrides)).level);
  return levels;
}

Deno.test("max-level and always-level make the rows of levels that Freezer makes", async () => {
  assert.deepEqual(await levelsOf("max", 6, { levelRules: { maxLevel: 2 } }), [0, 1, 2, 0, 1, 2]);
  assert.deepEqual(await levelsOf("always", 5, { levelRules: { alwaysLevel: 2 } }), [0, 1, 2, 2, 2]);
  assert.deepEqual(await levelsOf("restart", 3, { levelRules: { restartAlwaysLevelDays: 1 } }), [0, 0, 0]);
  assert.deepEqual(await levelsOf("full", 2, { levelRules: { mode: "full" } }), [0, 0]);
});

Deno.test("with full-backup daily, hourly runs are all of level 1 on the newest daily one", async () => {
  const { put } = await scene("twindb");
  const run = (runType: string) => put({ runType, levelRules: { fullBackup: "daily" } });
  const first = await run("daily");
  const hourly = [await run("hourly"), await run("hourly")];
  const second = await run("daily");
  const last = await run("hourly");
  assert.deepEqual([first.level, second.level], [0, 0]);
  assert.deepEqual(hourly.map(({ level, parent }) => [level, parent]), [[1, first.backup.id], [1, first.backup.id]]);
  assert.deepEqual([last.level, last.parent, last.decision.rule], [1, second.backup.id, "full-backup"]);
});

Deno.test("a level 0 is cut like the backup before, and shares its content lists", async () => {
  const { put } = await scene("predecessor");
  const first = await put({ chunkAverage: 4096 });
  const second = await put({ levelRules: { mode: "full" } });
  assert.equal(second.backup.info!.chunker.average, 4096);
  assert.equal(second.backup.info!.modified, first.backup.info!.modified);
  assert.equal(second.backup.snapshot.parent, null);
});

/** Takes one pack of those that hold a manifest out of the store or changes a byte of the manifest in it. */
async function hurtManifest(repository: UnlockedRepository, { id }: Backup, how: "remove" | "flip"): Promise<void> {
  const index = await loadIndex(repository.files);
  const place = index.locate("data", decodeHex(id))!;
  const file = { kind: "pack", name: index.packId(place.pack) } as const;
  const bytes = await repository.store.get(file);
  await repository.store.remove(file);
  if (how === "remove") return;
  const changed = new Uint8Array(bytes);
  changed[place.offset + 20]! ^= 1;
  await repository.store.put(file, [changed]);
}

for (const how of ["remove", "flip"] as const) {
  Deno.test(`a parent whose manifest cannot be read (${how}) makes a level 0 with a warning`, async () => {
    const { put, repository } = await scene(`damaged ${how}`);
    const first = await put();
    await hurtManifest(repository, first.backup, how);
    const second = await put();
    assert.deepEqual([second.level, second.decision.rule], [0, "damaged-parent"]);
    assert.match(second.decision.warnings.join(), new RegExp(`the parent ${first.backup.id.slice(0, 8)} cannot be`));
    const third = await put();
    assert.deepEqual([third.level, third.parent, third.decision.warnings], [1, second.backup.id, []]);
  });
}

Deno.test("damage of a backup that is not the parent changes nothing", async () => {
  const { put, repository } = await scene("elsewhere");
  const first = await put();
  const second = await put({}, noise(5000, "another"));
  await hurtManifest(repository, first.backup, "remove");
  const third = await put({}, noise(5000, "a third"));
  assert.deepEqual([third.level, third.parent, third.decision.warnings], [2, second.backup.id, []]);
});

Deno.test("a parent that is gone is no matter while the newest backup is there", async () => {
  const { put, repository } = await scene("gone");
  const [first, second] = [await put(), await put()];
  await repository.files.remove("snapshot", first.backup.snapshotId);
  const third = await put();
  assert.deepEqual([third.level, third.parent, third.decision.warnings], [2, second.backup.id, []]);
});

Deno.test("where always-level needs a backup that is gone, a level 0 is made with a warning", async () => {
  const { put, repository } = await scene("gone below");
  const levelRules = { alwaysLevel: 2 };
  const [, second, third] = [await put({ levelRules }), await put({ levelRules }), await put({ levelRules })];
  assert.equal(third.level, 2);
  await repository.files.remove("snapshot", second.backup.snapshotId);
  const fourth = await put({ levelRules });
  assert.deepEqual([fourth.level, fourth.decision.rule], [0, "gone-parent"]);
  assert.match(fourth.decision.warnings.join(), /level 1 below it is gone/);
});

/** Changes a byte of a snapshot, so that nobody can read it. */
async function hurtSnapshot({ store }: UnlockedRepository, { snapshotId }: Backup): Promise<void> {
  const file = { kind: "snapshot", name: snapshotId } as const;
  const bytes = new Uint8Array(await store.get(file));
  bytes[bytes.length >> 1]! ^= 1;
  await store.remove(file);
  await store.put(file, [bytes]);
}

Deno.test("a snapshot that cannot be read may be the parent: a level 0 with a warning, in every series", async () => {
  const { put, repository } = await scene("snapshot");
  const other = { series: parseSeries("other") };
  const [, second] = [await put(), await put(), await put(other)];
  await hurtSnapshot(repository, second.backup);
  for (const next of [await put(), await put(other)]) {
    assert.deepEqual([next.level, next.decision.rule], [0, "damaged-parent"]);
    assert.match(
      next.decision.warnings.join(),
      new RegExp(`^snapshot ${shortId(second.backup.snapshotId)} cannot be read`),
    );
  }
});

Deno.test("an unreadable snapshot that was continued matters only to rules that go back, of its own series", async () => {
  const { put, repository } = await scene("old snapshot");
  const hourly = { runType: "hourly", levelRules: { fullBackup: "daily" } } as const;
  const daily = await put({ runType: "daily" });
  const increment = await put(hourly);
  assert.equal(increment.parent, daily.backup.id);
  await hurtSnapshot(repository, daily.backup);
  assert.deepEqual((await put({ ...hourly, series: parseSeries("other") })).decision.warnings, []);
  const newest = await put();
  assert.deepEqual([newest.level, newest.parent, newest.decision.warnings], [2, increment.backup.id, []]);
  const next = await put(hourly);
  assert.deepEqual([next.level, next.decision.warnings.length], [0, 1]);
});

Deno.test("a snapshot that says another level than its manifest is not continued", async () => {
  const { put, repository } = await scene("liar");
  const first = await put();
  const { snapshot, snapshotId } = first.backup;
  await saveSnapshot(repository.files, { ...snapshot, agent: { ...snapshot.agent!, size: 1 } });
  await repository.files.remove("snapshot", snapshotId);
  const second = await put();
  assert.equal(second.level, 0);
  assert.match(second.decision.warnings.join(), /its snapshot says size 1, its manifest \d+/);
});

Deno.test("snapshots that restic rewrote count for every rule", async () => {
  const { put, repository } = await scene("rewritten");
  const levelRules = { maxLevel: 1 };
  const ids = [(await put({ levelRules })).backup.id, (await put({ levelRules })).backup.id];
  for (const { id, snapshot } of (await loadSnapshots(repository.files)).snapshots) {
    await saveSnapshot(repository.files, { ...snapshot, agent: null, original: id, tags: ["kept"] });
    await repository.files.remove("snapshot", id);
  }
  const third = await put({ levelRules: { alwaysLevel: 1 } });
  assert.deepEqual([third.level, third.parent], [1, ids[0]], "the one below the newest is looked for, too");
  assert.equal((await put({ levelRules })).decision.rule, "max-level");
});

Deno.test("a clock that jumped back: what seems to come from the future is passed over, or continued where all does", async () => {
  const { put, world } = await scene("clock");
  const first = await put();
  const second = await put();
  jumpBack(world, 1.5 * DAY_MS);
  const third = await put();
  assert.deepEqual([third.level, third.parent, third.decision.warnings.length], [1, first.backup.id, 1]);
  jumpBack(world, 40 * DAY_MS);
  const fourth = await put();
  assert.deepEqual([fourth.level, fourth.parent], [2, second.backup.id]);
  assert.match(fourth.decision.warnings.join(), /in the future/);
});

function jumpBack({ clock }: FakeWorld, ms: number): void {
  clock.jump(-ms);
}
