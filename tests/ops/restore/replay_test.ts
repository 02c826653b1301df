/** Replays: which levels a target gets in which order, and what it holds when either side fails. */
import assert from "node:assert/strict";
import { AgentError, IntegrityError, InterruptedError, StoreError, UsageError } from "../../../src/base/errors.ts";
import { EngineRegistry } from "../../../src/engine/engine_urls.ts";
import { forget } from "../../../src/ops/forget.ts";
import { withBackup } from "../../../src/ops/restore/get.ts";
import { prune } from "../../../src/ops/prune.ts";
import { targetInDirectory } from "../../../src/ops/restore/replay.ts";
import { openRepository, type UnlockedRepository } from "../../../src/repository/repository.ts";
import { loadIndex } from "../../../src/repository/index/index_files.ts";
import { loadSnapshots } from "../../../src/repository/snapshots.ts";
import { findNode } from "../../../src/repository/tree/trees.ts";
import type { BlobStore } from "../../../src/store/store.ts";
import type { PutResult } from "../../../src/ops/put.ts";
import { withFaults } from "../../helpers/fault_store.ts";
import { saveSnapshot } from "../../helpers/snapshots.ts";
import {
  accessTo,
  copyOf,
  type FakeWorld,
  fakeWorld,
  macrotask,
  memoryRepository,
  namesOf,
  noise,
  PASSWORD,
  putBytes,
} from "../../helpers/world.ts";
import { checkStore, packsOf, rewriteIndexOf } from "../check_fixture.ts";
import { STRICT } from "../prune_fixture.ts";
import {
  entryItems,
  propertiesOf,
  putNext,
  replayed,
  Shelf,
  ShelfEngine,
  streamItems,
  type Streams,
} from "../replay_fixture.ts";

const DAY_MS = 86_400_000;

interface Chain {
  readonly world: FakeWorld;
  readonly store: BlobStore;
  readonly repository: UnlockedRepository;
  readonly engine: ShelfEngine;
  readonly levels: readonly Streams[];
  readonly puts: readonly PutResult[];
}

/** The streams of one level: one that comes later by name has more to read. */
function streamsOf(level: number): Streams {
  return { b: noise(40_000 + level, `b ${level}`), a: noise(3_000, `a ${level}`), "deep/empty": new Uint8Array(0) };
}

/** A chain of so many levels, a day apart. */
async function chainOf(count: number, levelOf = streamsOf): Promise<Chain> {
  const world = fakeWorld("replay");
  const { store, repository, access } = await memoryRepository(world);
  const engine = new ShelfEngine();
  const levels = Array.from({ length: count }, (_, level) => levelOf(level));
  const puts: PutResult[] = [];
  for (const streams of levels) {
    engine.next = streamItems(streams);
    puts.push(await putNext(access, world, engine, { levelRules: { maxLevel: 100 } }));
    world.clock.jump(DAY_MS);
  }
  return { world, store, repository, engine, levels, puts };
}

/** The chain of most tests, level 0 to 3; each test gets a store of its own. */
const CHAIN = await chainOf(4);

async function scene(): Promise<Chain & { readonly shelf: Shelf }> {
  const engine = new ShelfEngine();
  return { ...CHAIN, store: await copyOf(CHAIN.store), engine, shelf: engine.shelf };
}

function stepsOf(levels: number): string[] {
  const own = (level: number) => [
    `level ${level}`,
    ...["a", "b", "deep/empty"].flatMap((path) => [`take ${path}`, `end ${path}`]),
    "end level",
  ];
  return ["open", ...Array.from({ length: levels }, (_, level) => own(level)).flat(), "finish"];
}

function assertRestored(shelf: Shelf, levels: readonly Streams[]): void {
  const expected = levels.flatMap((streams, level) =>
    Object.entries(streams).map(([path, bytes]) => [`${level}/${path}`, bytes] as const)
  );
  assert.deepEqual([...shelf.contents.keys()].sort(), expected.map(([path]) => path).sort());
  for (const [path, bytes] of expected) assert.deepEqual(shelf.contents.get(path), bytes, path);
}

/** The pack that holds the first chunk of a file of the newest backup. */
async function packOf({ repository, puts }: Chain, path: string): Promise<string> {
  const index = await loadIndex(repository.files);
  const node = await findNode({ ...repository, index }, puts.at(-1)!.backup.snapshot.tree, `prod/shop/${path}`);
  return index.packId(index.locate("data", node!.content!, 0)!.pack);
}

/** The store with one pack whose bytes are wrong. */
function withDamagedPack(store: BlobStore, pack: string): BlobStore {
  const damaged = withFaults(store, () => undefined);
  const get = damaged.get.bind(damaged);
  damaged.get = async (file, range, options) => {
    const bytes = await get(file, range, options);
    return file.name === pack ? bytes.map((byte) => byte ^ 1) : bytes;
  };
  return damaged;
}

function opened(store: BlobStore, world: FakeWorld): Promise<UnlockedRepository> {
  return openRepository(store, { password: PASSWORD, randomBytes: world.randomBytes });
}

/** Writes all snapshots again as restic does, without our summaries. */
async function rewriteAll(store: BlobStore, world: FakeWorld): Promise<void> {
  const { files } = await opened(store, world);
  for (const { id, snapshot } of (await loadSnapshots(files)).snapshots) {
    await saveSnapshot(files, { ...snapshot, agent: null, original: id, tags: ["tagged"] });
    await store.remove({ kind: "snapshot", name: id });
  }
}

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

Deno.test("damage in level 1 ends the target before the end of its stream", async () => {
  const chain = await scene();
  const { world, engine, shelf } = chain;
  const damaged = withDamagedPack(chain.store, await packOf(chain, "level-1/b"));
  await assert.rejects(
    replayed(accessTo(damaged), world, engine),
    (error) => error instanceof IntegrityError && /the target holds a part of the backup/.test(error.message),
  );
  const whole = stepsOf(4);
  const last = whole.indexOf("level 1") + 1;
  assert.deepEqual(shelf.steps, [...whole.slice(0, last), "take a", "cancel"]);
});

Deno.test("a blob that the index does not know is found before the target is touched", async () => {
  const chain = await scene();
  const { world, store, engine, shelf } = chain;
  const pack = await packOf(chain, "level-1/b");
  const repository = await opened(store, world);
  const [found] = (await packsOf(store, "data")).filter(({ name }) => name === pack);
  await rewriteIndexOf({ store, repository, world }, found!, (packs) => packs.filter(({ name }) => name !== pack));
  await assert.rejects(replayed(accessTo(store), world, engine), IntegrityError);
  assert.deepEqual(shelf.steps, []);
});

Deno.test("a first chunk that cannot be read is found before the target is touched", async () => {
  const chain = await scene();
  const damaged = withDamagedPack(chain.store, await packOf(chain, "level-0/a"));
  await assert.rejects(replayed(accessTo(damaged), chain.world, chain.engine), IntegrityError);
  assert.deepEqual(chain.shelf.steps, []);
});

Deno.test("a target may fail at any step: then it gets nothing more, and the error says what it holds", async () => {
  const whole = stepsOf(2);
  for (const [at, failing] of [...whole.entries()]) {
    const { world, store, engine, shelf, puts } = await scene();
    shelf.at = (step) => {
      if (step !== "write" && shelf.steps.length === at) throw new Error(`no ${step}`);
    };
    const selector = `@${puts[1]!.backup.id}`;
    await assert.rejects(replayed(accessTo(store), world, engine, { selector }), (error) => {
      assert.ok(error instanceof AgentError && error.message.includes(`no ${failing}; the target holds a part`));
      return true;
    });
    assert.deepEqual(shelf.steps, at === 0 ? [] : [...whole.slice(0, at), "cancel"]);
    assert.deepEqual(await namesOf(store, "lock"), []);
  }
});

Deno.test("an error of a target's own is thrown as it is, also where it comes with a write", async () => {
  const { world, store, engine, shelf } = await scene();
  const own = new AgentError("the disk is full; it holds half");
  shelf.at = (step) => {
    if (step === "write" && shelf.levels.length === 3) throw own;
  };
  await assert.rejects(replayed(accessTo(store), world, engine), (error) => error === own);
  assert.equal(shelf.steps.at(-1), "cancel");
  assert.ok(!shelf.steps.includes("finish"));
});

Deno.test("the store may fail at any call: either nothing was touched, or the target is ended without its end", async () => {
  const { world, store, puts } = await scene();
  const selector = `@${puts[1]!.backup.id}`;
  const clean = withFaults(await copyOf(store), () => undefined);
  await replayed(accessTo(clean), world, new ShelfEngine(), { selector });
  let failures = 0;
  for (let at = 1; at <= clean.calls.length; at++) {
    const engine = new ShelfEngine();
    const failing = withFaults(
      await copyOf(store),
      ({ number }) => number === at ? { type: "fail", error: new StoreError("no answer") } : undefined,
    );
    try {
      await replayed(accessTo(failing), world, engine, { selector });
    } catch (error) {
      failures++;
      assert.ok(error instanceof AgentError);
      const { steps } = engine.shelf;
      assert.ok(!steps.includes("finish"));
      if (steps.length > 0) assert.equal(steps.at(-1), "cancel");
      assert.equal(error.message.includes("the target holds a part"), steps.length > 0);
    }
  }
  assert.ok(failures > clean.calls.length / 2);
});

Deno.test("an interruption at any step ends the target, and says what it holds", async () => {
  const whole = stepsOf(2);
  for (let at = 1; at < whole.length; at++) {
    const { world, store, engine, shelf, puts } = await scene();
    const stop = new AbortController();
    shelf.at = () => {
      if (shelf.steps.length === at) stop.abort(new InterruptedError());
    };
    const selector = `@${puts[1]!.backup.id}`;
    const replaying = replayed(accessTo(store), world, engine, { selector, signal: stop.signal });
    if (at === whole.length - 1) await replaying; // The last step was done.
    else {
      await assert.rejects(
        replaying,
        (error) => error instanceof InterruptedError && /the target holds a part/.test(error.message),
      );
    }
    assert.ok(shelf.steps.includes("cancel"));
    assert.deepEqual(await namesOf(store, "lock"), []);
  }
});

Deno.test("an interruption ends a target that takes nothing more", async () => {
  const { world, store, engine, shelf } = await scene();
  const stop = new AbortController();
  shelf.at = (step) => {
    if (step !== "write") return;
    void macrotask().then(() => stop.abort());
    return shelf.cancelled.promise;
  };
  await assert.rejects(replayed(accessTo(store), world, engine, { signal: stop.signal }), InterruptedError);
  assert.deepEqual(shelf.steps.filter((step) => step.startsWith("end")), []);
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

Deno.test("a check finds a level whose lower level is damaged", async () => {
  const chain = await scene();
  const damaged = withDamagedPack(chain.store, await packOf(chain, "level-1/b"));
  const { errors } = await checkStore({ store: damaged, world: chain.world }, { readData: true });
  const hit = new Set(errors.flatMap(({ backups }) => backups.map(({ id }) => id)));
  for (const { backup } of chain.puts.slice(1)) assert.ok(hit.has(backup.id), `level ${backup.info!.level} is not hit`);
  assert.ok(!hit.has(chain.puts[0]!.backup.id));
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
      return { kind: "entry", path, size: bytes.length, properties: propertiesOf(properties) };
    }),
  );
  assert.deepEqual(engine.shelf.contents.get("0/b/file"), noise(30_000, "file"));
  assert.deepEqual(engine.shelf.levels[0], { level: 0, position: { level: 0 }, options: { from: "here" } });
});
