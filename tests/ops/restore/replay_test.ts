/** Replays: which levels a target gets in which order, and which chain a selector means. */
import assert from "node:assert/strict";
import { UsageError } from "../../../src/base/errors.ts";
import { EngineRegistry } from "../../../src/engine/engine_urls.ts";
import { forget } from "../../../src/ops/forget.ts";
import { entryProperties } from "../../../src/format/tree/node.ts";
import { withBackup } from "../../../src/ops/restore/get.ts";
import { prune } from "../../../src/ops/prune.ts";
import { targetInDirectory } from "../../../src/ops/restore/replay.ts";
import { withFaults } from "../../helpers/fault_store.ts";
import { accessTo, fakeWorld, macrotask, memoryRepository, namesOf, noise, putBytes } from "../../helpers/world.ts";
import { STRICT } from "../prune_fixture.ts";
import { entryItems, putNext, replayed, Shelf, ShelfEngine, streamItems } from "../replay_fixture.ts";
import { assertRestored, chainOf, DAY_MS, rewriteAll, scene, stepsOf } from "./replay_chain.ts";

Deno.test("a target gets the levels in order, each stream whole before its end, and no metadata", async () => {
  const { world, store, engine, shelf, levels } = await scene();
  const restored: string[] = [];
  const onRestored = ({ file }: { file: { path: string } }) => void restored.push(file.path);
  const result = await replayed(accessTo(store), world, engine, { onRestored });
  assert.deepEqual(shelf.steps, stepsOf(4));
  assertRestored(shelf, levels);
  const size = levels.flatMap((streams) => Object.values(streams)).reduce((sum, { length }) => sum + length, 0);
  assert.deepEqual(result, { level: 3, items: 12, size, problems: [], notes: [] });
  assert.equal(restored.length, 12);
  assert.ok(!restored.some((path) => path.endsWith("metadata")));
  const told = shelf.levels.map(({ position, options }) => ({ position, options }));
  const unknown = { position: null, options: null };
  assert.deepEqual(told, [unknown, unknown, unknown, { position: { level: 3 }, options: { from: "here" } }]);
  assert.deepEqual(await namesOf(store, "lock"), []);
});

Deno.test("a lower level restores alone, and says nothing of the levels above it", async () => {
  const { world, store, engine, shelf, levels, puts } = await scene();
  await replayed(accessTo(store), world, engine, { selector: `@${puts[1]!.backup.id}` });
  assert.deepEqual(shelf.steps, stepsOf(2));
  assertRestored(shelf, levels.slice(0, 2));
});

Deno.test("levels go by number, though level 10 sorts before level 2", async () => {
  const { world, store, engine, levels } = await chainOf(11, (level) => ({ a: noise(100, `${level}`) }));
  await replayed(accessTo(store), world, engine);
  assert.deepEqual(engine.shelf.levels.map(({ level }) => level), [...Array(11).keys()]);
  assertRestored(engine.shelf, levels);
});

Deno.test("the progress counts all levels", async () => {
  const { world, store, engine } = await scene();
  const told: [number, number][] = [];
  const onProgress = (
    { phase, bytesWritten, bytesTotal }: { phase: string; bytesWritten: number; bytesTotal: number },
  ) => void (phase === "stream" && told.push([bytesWritten, bytesTotal]));
  const { size } = await withBackup(
    accessTo(store),
    { selector: "prod/shop", noLock: false },
    { world, onProgress },
    ({ replay }) => replay(engine.engines.target("shelf:/x"), { overwrite: false }),
  );
  assert.deepEqual([told[0], told.at(-1)], [[0, size], [size, size]]);
  assert.ok(told.every(([written], i) => i === 0 || written >= told[i - 1]![0]));
});

Deno.test("a target that refuses is asked once, before level 0", async () => {
  const { world, store, engine, shelf } = await scene();
  shelf.isEmpty = false;
  await assert.rejects(replayed(accessTo(store), world, engine), { code: "usage", message: '"/there" is not empty' });
  assert.deepEqual(shelf.steps, []);
  await replayed(accessTo(store), world, engine, { overwrite: true });
  assert.deepEqual(shelf.steps, stepsOf(4));
});

Deno.test("a slow target bounds what is read ahead", async () => {
  const { world, store, engine } = await chainOf(1, () => ({ a: noise(40_000_000, "slow") }));
  let read = 0;
  const counted = withFaults(store, () => undefined);
  const get = counted.get.bind(counted);
  counted.get = async (file, range, options) => {
    const bytes = await get(file, range, options);
    if (file.kind === "pack") read += bytes.length;
    return bytes;
  };
  let readAtFirst: number | undefined;
  engine.shelf.at = async (step) => {
    if (step !== "write" || readAtFirst !== undefined) return;
    readAtFirst = 0;
    for (let i = 0; i < 200; i++) await macrotask();
    readAtFirst = read;
  };
  await replayed(accessTo(counted), world, engine);
  assert.ok(readAtFirst! < 16_000_000, `${readAtFirst} bytes were read ahead`);
  assert.equal(engine.shelf.contents.get("0/a")!.length, 40_000_000);
});

Deno.test("what the target could not restore is told", async () => {
  const { world, store, engine, shelf } = await scene();
  shelf.problems = ["./x: no such owner"];
  assert.deepEqual((await replayed(accessTo(store), world, engine)).problems, ["./x: no such owner"]);
});

Deno.test("a chain without its level 1 and 2 still restores, after a prune", async () => {
  const { world, store, engine, shelf, levels, puts } = await scene();
  const access = accessTo(store);
  const selectors = [puts[1]!, puts[2]!].map(({ backup }) => `@${backup.id}`);
  await forget(access, { kind: "backups", selectors }, { world, dryRun: false });
  await prune(access, { limits: STRICT, dryRun: false }, { world });
  await replayed(access, world, engine);
  assert.deepEqual(shelf.steps, stepsOf(4));
  assertRestored(shelf, levels);
});

Deno.test("snapshots that restic wrote again without the summary replay, and times mean the newest chain", async () => {
  const { world, store, engine, shelf, levels, puts } = await scene();
  await rewriteAll(store, world);
  const access = accessTo(store);
  await replayed(access, world, engine);
  assertRestored(shelf, levels);
  engine.shelf = new Shelf();
  await replayed(access, world, engine, { selector: `prod/shop@${puts[2]!.backup.started}` });
  assertRestored(engine.shelf, levels.slice(0, 3));
});

Deno.test("an increment on an older chain is not the latest, and the world is told", async () => {
  const world = fakeWorld("chains");
  const { access, store } = await memoryRepository(world);
  const engine = new ShelfEngine();
  const problems: string[] = [];
  const told = { ...world, onProblem: ({ message }: Error) => void problems.push(message) };
  const run = async (name: string, runType: string) => {
    world.clock.jump(DAY_MS);
    engine.next = streamItems({ a: noise(1000, name) });
    return (await putNext(access, world, engine, { runType, levelRules: { fullBackup: "daily" } })).backup;
  };
  await run("daily", "daily");
  const weekly = await run("weekly", "weekly");
  const hourly = await run("hourly", "hourly");
  assert.deepEqual([weekly.info!.level, hourly.info!.level], [0, 1]);
  await replayed(access, told, engine);
  assert.deepEqual(engine.shelf.contents.get("0/a"), noise(1000, "weekly"));
  assert.match(problems.join("\n"), new RegExp(`@${hourly.id.slice(0, 8)}, which continues an older one, is newer`));
  engine.shelf = new Shelf();
  await replayed(access, told, engine, { selector: `@${hourly.id}` });
  assert.deepEqual(engine.shelf.contents.get("1/a"), noise(1000, "hourly"));
  assert.equal(problems.length, 1);
  await rewriteAll(store, world);
  engine.shelf = new Shelf();
  await replayed(access, told, engine);
  assert.deepEqual(engine.shelf.contents.get("0/a"), noise(1000, "weekly"), "also without the summaries");
});

Deno.test("another engine's target is refused, and both engines are named", async () => {
  const { world, store } = await scene();
  const other = new EngineRegistry();
  other.register("box", new ShelfEngine());
  await assert.rejects(
    withBackup(
      accessTo(store),
      { selector: "prod/shop", noLock: false },
      { world },
      ({ replay }) => replay(other.target("box:/x"), { overwrite: false }),
    ),
    (error) => error instanceof UsageError && /"shelf", not by "box"/.test(error.message),
  );
});

/** A whole dump of mariadb-dump, and the same one cut. */
const DUMP = "-- MariaDB dump 10.19  Distrib 10.11.6-MariaDB\n--\n-- Host: h    Database: shop\n" +
  "-- ------------------------------------------------------\n-- Dump completed on 2026-11-29 11:06:45\n";

Deno.test("dumps that no engine made go to the target of an engine that takes their format, and to files", async () => {
  const world = fakeWorld("dumps");
  const { access } = await memoryRepository(world);
  const put = (text: string, series: string) =>
    putBytes(access, world, new TextEncoder().encode(text), { guard: "auto", series: series as never });
  await put(DUMP, "dump");
  await put("of no format", "text");
  const engine = Object.assign(new ShelfEngine({ replays: false }), { dumpFormats: ["mysqldump", "mariadb-dump"] });
  const { engines } = engine;
  const load = (selector: string) =>
    withBackup(
      access,
      { selector, noLock: false },
      { world },
      ({ replay }) => replay(engines.target("shelf:/x"), { overwrite: false }),
    );
  await load("dump");
  assert.deepEqual(engine.shelf.contents.get("0/data"), new TextEncoder().encode(DUMP));
  assert.deepEqual(engine.shelf.levels, [{ level: 0, position: null, options: null }]);
  engine.shelf = new Shelf();
  await assert.rejects(load("text"), {
    code: "usage",
    message:
      /^The backup text@\w+ cannot be loaded by "shelf": its stream "data" is of no known format, not mysqldump or/,
  });
  assert.deepEqual(engine.shelf.steps, []);
  engine.next = streamItems({ "dump.sql": new TextEncoder().encode(DUMP) });
  const { manifest } = await putNext(access, world, engine);
  assert.equal(targetInDirectory(manifest, "/dir", engines), null);
});

Deno.test("a directory: known engines replay, streams are files, and levels of an unknown engine need --raw", async () => {
  const { world, store, engine, puts } = await scene();
  const access = accessTo(store);
  await putBytes(access, world, noise(100, "stream"), { series: "plain" as never });
  const known = targetInDirectory(puts[3]!.manifest, "/dir", engine.engines);
  assert.deepEqual([known?.name, engine.place], ["shelf", "/dir"]);
  const none = new EngineRegistry();
  assert.throws(() => targetInDirectory(puts[3]!.manifest, "/dir", none), { code: "usage", message: /"shelf".*--raw/ });
  const sourceOnly = new EngineRegistry();
  sourceOnly.register("shelf", { version: "1", replays: true, parameters: [] });
  assert.throws(() => targetInDirectory(puts[3]!.manifest, "/dir", sourceOnly), { code: "usage", message: /--raw/ });
  await withBackup(access, { selector: "plain", noLock: false }, { world }, async ({ manifest }) => {
    assert.equal(targetInDirectory(manifest, "/dir", engine.engines), null);
    assert.equal(
      targetInDirectory({ ...manifest!, engine: { ...manifest!.engine, name: "rows" } }, "/dir", none),
      null,
    );
    assert.equal(targetInDirectory(null, "/dir", none), null);
    await Promise.resolve();
  });
});

Deno.test("a tree comes back entry by entry, each directory before what it holds", async () => {
  const world = fakeWorld("tree");
  const { access } = await memoryRepository(world);
  const engine = new ShelfEngine({ replays: false, hasEntries: true });
  const entries = [
    { path: "b", type: "dir", mode: 0o40750, uid: 7 },
    { path: "b/file", type: "file", mode: 0o640, bytes: noise(30_000, "file"), links: 2, inode: 5n },
    { path: "b/link", type: "symlink", linkTarget: "file" },
    { path: "b/metadata", type: "file", bytes: new Uint8Array(0) },
    { path: "metadata", type: "file", bytes: noise(10, "metadata") },
    { path: "pipe", type: "fifo" },
  ] as const;
  engine.next = entryItems([...entries].reverse());
  await putNext(access, world, engine);
  const result = await replayed(access, world, engine);
  assert.deepEqual([result.level, result.items, result.size], [0, 6, 30_010]);
  const taken = engine.shelf.entries.map((item) => ({ ...item }));
  assert.deepEqual(
    taken,
    entries.map((entry) => {
      const { path, bytes = new Uint8Array(0), ...properties } = { bytes: undefined, ...entry };
      return { kind: "entry", path, size: bytes.length, properties: entryProperties(properties) };
    }),
  );
  assert.deepEqual(engine.shelf.contents.get("0/b/file"), noise(30_000, "file"));
  assert.deepEqual(engine.shelf.levels[0], { level: 0, position: { level: 0 }, options: { from: "here" } });
});
