/** What every engine has to do, whatever it reads: one suite, run by the tests of each engine. */
import assert from "node:assert/strict";
import { AgentError, IntegrityError, InterruptedError, SourceError, UsageError } from "../../src/base/errors.ts";
import type { EngineSource, EngineTarget, OpenSource } from "../../src/engine/engine.ts";
import type { EngineRegistry } from "../../src/engine/engine_urls.ts";
import { sourceRequest } from "../helpers/source_request.ts";
import { macrotask } from "../helpers/world.ts";
import { backUp, type Between, parentOf, readAll, restore, singleItems, type StoredLevel } from "./engine_frame.ts";

const NIGHTS = 4;
/** Several times what may be read ahead. */
const HUGE_BYTES = 24 * 2 ** 20;
/** More than what may be read ahead. */
const STALLED_BYTES = 8 * 2 ** 20;
/** What pipes and queues may hold between a producer and a consumer. */
const MOST_AHEAD_BYTES = 4 * 2 ** 20;
/** Turns of the event loop after which what can happen has happened. */
const TURNS = 100;
/** The most points at which one test interrupts. They are spread over the whole. */
const MOST_POINTS = 24;

/** One engine to be tried, with a source of its own that is empty at first (docs/engines.md). */
export interface EngineFixture {
  readonly registry: EngineRegistry;
  /** The URL of the source. */
  readonly source: string;
  /** The URL of a target that is empty, another one with each call. */
  target(): Promise<string>;
  /** Changes the source as in the night of that number, 0 to 3: adds, changes, renames, deletes. */
  change(night: number): Promise<void>;
  /** Makes the source hold a stream of at least so many bytes. */
  swell(bytes: number): Promise<void>;
  /** Remembers what the source holds. The function that it returns asserts that the target at a URL holds the same. */
  keep(): Promise<(target: string) => Promise<void>>;
  /** Processes and temporary files of the engine that are still there, a line each. */
  leftovers(): Promise<readonly string[]>;
  /**
   * Stops whatever produces or consumes at the other end of a stream: reads of items, and writes, wait from now on. The
   * function that it returns lets them go on; it may never be called.
   */
  stall(): Promise<() => void>;
  /** How many bytes of streams have been read from the source, at least since it was last opened. */
  produced(): Promise<number>;
  /** Sources whose backup must fail with `SourceError`: in the middle of a stream, and at its end. */
  failingSources(): Promise<readonly EngineSource[]>;
  /** Targets that fail with `AgentError` while they take a level of a megabyte. */
  failingTargets(): Promise<readonly EngineTarget[]>;
  /** Removes everything. */
  dispose(): Promise<void>;
}

/** An engine, and how a fixture for a test is made. */
interface EngineTrial {
  /** Registers a test; `programTest` for engines that need programs. */
  readonly register: (name: string, fn: () => Promise<void>) => void;
  /** Makes the fixture of one test. */
  readonly create: () => Promise<EngineFixture>;
}

/** Registers the tests of an engine that has levels. */
export function engineConformance(name: string, { register, create }: EngineTrial): void {
  const test = (what: string, fn: (fixture: EngineFixture) => Promise<void>) =>
    register(`${name}: ${what}`, async () => {
      const fixture = await create();
      try {
        await fn(fixture);
        assert.deepEqual(await fixture.leftovers(), [], "nothing is left behind");
      } finally {
        await fixture.dispose();
      }
    });

  test("every level of a chain comes back as it was", async (fixture) => {
    const { levels, kept } = await chainOf(fixture, NIGHTS);
    for (const [level, assertSame] of kept.entries()) {
      const target = await fixture.target();
      assert.deepEqual(await restore(targetAt(fixture, target), levels.slice(0, level + 1)), []);
      await assertSame(target);
    }
  });

  test("an empty source is a backup, and so are levels without a change", async (fixture) => {
    const assertSame = await fixture.keep();
    const zero = await backUp(sourceOf(fixture), null);
    const one = await backUp(sourceOf(fixture), parentOf(zero));
    const target = await fixture.target();
    await restore(targetAt(fixture, target), [zero, one]);
    await assertSame(target);
  });

  test("options and position survive a manifest, and hold no function of time", async (fixture) => {
    await fixture.change(0);
    const { options, position, problems } = await backUp(sourceOf(fixture), null);
    assert.deepEqual(JSON.parse(JSON.stringify({ options, position })), { options, position });
    assert.deepEqual(sourceOf(fixture).options, options);
    assert.deepEqual(problems, []);
  });

  test("a backup that is interrupted at any point leaves nothing behind, and ends well for nobody", async (fixture) => {
    const { levels } = await chainOf(fixture, 1);
    for (const parent of [null, parentOf(levels[0]!)]) {
      await atEveryPoint(async (between) => {
        await backUp(sourceOf(fixture), parent, between);
      }, async () => assert.deepEqual(await fixture.leftovers(), []));
    }
  });

  test("a restore that is interrupted at any point leaves no process behind", async (fixture) => {
    const { levels } = await chainOf(fixture, 2);
    await atEveryPoint(async (between) => {
      await restore(targetAt(fixture, await fixture.target()), levels, { between });
    }, async () => assert.deepEqual(await fixture.leftovers(), []));
  });

  test("a source or target that is opened too late is not opened", async (fixture) => {
    await fixture.change(0);
    const signal = AbortSignal.abort(new InterruptedError());
    await assert.rejects(sourceOf(fixture).open(sourceRequest({ signal })), InterruptedError);
    const target = targetAt(fixture, await fixture.target());
    await assert.rejects(target.open({ overwrite: false, signal }), InterruptedError);
  });

  test("what was cancelled does not count as whole, even if it had been read to its end", async (fixture) => {
    await fixture.change(0);
    const open = await begin(fixture);
    for await (const { source } of singleItems(open)) {
      if (source === null) continue;
      await readAll(source);
      await source.cancel();
      await source.cancel();
      await assert.rejects(source.ended(), AgentError);
    }
    await open.cancel();
    await assert.rejects(open.finish(), AgentError);
  });

  test("a cancelled end leaves nothing behind", async (fixture) => {
    await fixture.change(0);
    const open = await begin(fixture);
    for await (const { source } of singleItems(open)) {
      if (source === null) continue;
      await readAll(source);
      await source.ended();
    }
    const end = open.finish().catch(() => null);
    await open.cancel();
    await (await end)?.metadata?.cancel();
    await open.cancel();
  });

  test("a source that fails makes the backup fail, and leaves nothing behind", async (fixture) => {
    for (const source of await fixture.failingSources()) {
      await assert.rejects(backUp(source, null), SourceError);
      assert.deepEqual(await fixture.leftovers(), []);
    }
  });

  test("a target that fails makes the restore fail, and leaves no process behind", async (fixture) => {
    await fixture.swell(2 ** 20);
    const level = await backUp(sourceOf(fixture), null);
    for (const target of await fixture.failingTargets()) {
      await assert.rejects(restore(target, [level]), AgentError);
      assert.deepEqual(await fixture.leftovers(), []);
    }
  });

  test("a target that is not empty is refused before anything is written, unless it may be overwritten", async (fixture) => {
    const { levels, kept } = await chainOf(fixture, 2);
    const target = await fixture.target();
    await restore(targetAt(fixture, target), levels.slice(0, 1));
    await assert.rejects(restore(targetAt(fixture, target), levels), UsageError);
    await kept[0]!(target);
    await restore(targetAt(fixture, target), levels, { overwrite: true });
    await kept[1]!(target);
  });

  test("damaged metadata of the parent stops a level 1, and not a level 0", async (fixture) => {
    const { levels } = await chainOf(fixture, 1);
    const { metadata, ...parent } = { ...parentOf(levels[0]!), metadata: levels[0]!.metadata! };
    for (const length of [0, 1, Math.floor(metadata.length / 2), metadata.length]) {
      const readMetadata: typeof parent.readMetadata = async (sink) => {
        if (length > 0) await sink.write(metadata.subarray(0, length));
        throw new IntegrityError("the metadata is damaged");
      };
      await assert.rejects(backUp(sourceOf(fixture), { ...parent, readMetadata }), IntegrityError);
      assert.deepEqual(await fixture.leftovers(), []);
    }
    assert.equal((await backUp(sourceOf(fixture), null)).level, 0);
  });

  test("a huge stream comes back, and is read no further ahead than a consumer follows", async (fixture) => {
    await fixture.swell(HUGE_BYTES);
    const open = await begin(fixture);
    for await (const { source } of singleItems(open)) {
      if (source === null) continue;
      const count = await source.read(new Uint8Array(2 ** 16));
      await turns();
      const ahead = await fixture.produced() - count!;
      assert.ok(ahead <= MOST_AHEAD_BYTES, `${ahead} bytes were read ahead`);
      break;
    }
    await open.cancel();

    const assertSame = await fixture.keep();
    const level = await backUp(sourceOf(fixture), null);
    assert.ok(level.items.reduce((sum, { bytes }) => sum + bytes.length, 0) >= HUGE_BYTES);
    const target = await fixture.target();
    await restore(targetAt(fixture, target), [level]);
    await assertSame(target);
  });

  test("a producer that stands still is waited for, and can be given up", async (fixture) => {
    await fixture.swell(STALLED_BYTES);
    for (const isGivenUp of [false, true]) {
      const open = await begin(fixture);
      let goOn: (() => void) | undefined;
      let length = 0;
      for await (const { source } of singleItems(open)) {
        if (source === null) continue;
        length += await source.read(new Uint8Array(1)) ?? 0;
        const isFirst = goOn === undefined;
        goOn ??= await fixture.stall();
        const rest = readAll(source);
        if (isFirst) assert.equal(await Promise.race([rest, turns()]), undefined, "it waits");
        if (isGivenUp) {
          await open.cancel();
          await rest;
          await assert.rejects(source.ended(), AgentError);
          break;
        }
        goOn();
        length += (await rest).length;
        await source.ended();
      }
      assert.ok(isGivenUp || length >= STALLED_BYTES);
      await open.cancel();
    }
  });

  test("a consumer that stands still is waited for, and can be given up", async (fixture) => {
    await fixture.swell(STALLED_BYTES);
    const level = await backUp(sourceOf(fixture), null);
    const { item, bytes } = level.items.toSorted((a, b) => b.bytes.length - a.bytes.length)[0]!;
    for (const isGivenUp of [false, true]) {
      const open = await targetAt(fixture, await fixture.target())
        .open({ overwrite: false, signal: new AbortController().signal });
      await open.beginLevel(level);
      const sink = (await open.take(item))!;
      await sink.write(bytes.subarray(0, 2 ** 16));
      const goOn = await fixture.stall();
      let accepted = 0;
      const writing = (async () => {
        for (let start = 2 ** 16; start < bytes.length; start += 2 ** 16) {
          await sink.write(bytes.subarray(start, start + 2 ** 16));
          accepted = start;
        }
        await sink.end();
      })();
      assert.equal(await Promise.race([writing.then(() => "over", () => "failed"), turns()]), undefined, "it waits");
      assert.ok(accepted <= MOST_AHEAD_BYTES, `${accepted} bytes were taken by nobody`);
      if (isGivenUp) {
        const failure = assert.rejects(writing, AgentError);
        await open.cancel();
        await failure;
      } else {
        goOn();
        await writing;
        await open.cancel();
      }
    }
  });
}

/** A chain of so many levels, and what the source was at each. */
async function chainOf(fixture: EngineFixture, count: number) {
  const levels: StoredLevel[] = [];
  const kept: ((target: string) => Promise<void>)[] = [];
  for (let night = 0; night < count; night++) {
    await fixture.change(night);
    kept.push(await fixture.keep());
    levels.push(await backUp(sourceOf(fixture), night === 0 ? null : parentOf(levels[night - 1]!)));
    assert.equal(levels[night]!.level, night);
    assert.deepEqual(await fixture.leftovers(), []);
  }
  return { levels, kept };
}

/** Does the work again and again, interrupted at each of its points, until it comes to its end. */
async function atEveryPoint(work: (between: Between) => Promise<void>, afterwards: () => Promise<void>): Promise<void> {
  let points = 0;
  await work(() => void points++);
  const step = Math.ceil(points / MOST_POINTS);
  for (let point = 0, isOver = false; !isOver; point += step) {
    let passed = 0;
    const between = () => {
      if (passed++ === point) throw new InterruptedError();
    };
    isOver = await work(between).then(() => true, (error) => {
      assert.ok(error instanceof InterruptedError, String(error));
      return false;
    });
    await afterwards();
  }
}

function sourceOf({ registry, source }: EngineFixture): EngineSource {
  return registry.source(source).driver;
}

function targetAt({ registry }: EngineFixture, target: string): EngineTarget {
  return registry.target(target).driver;
}

function begin(fixture: EngineFixture): Promise<OpenSource> {
  return sourceOf(fixture).open(sourceRequest());
}

async function turns(): Promise<undefined> {
  for (let i = 0; i < TURNS; i++) await macrotask();
}
