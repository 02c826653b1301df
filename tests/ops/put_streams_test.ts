/** Several streams in one put: all of them are committed together, or nothing is. */
import assert from "node:assert/strict";
import type { JudgedSource } from "../../src/base/byte_source.ts";
import { mapConcurrently } from "../../src/base/concurrency.ts";
import { AgentError, InterruptedError, SourceError, StoreFullError, UsageError } from "../../src/base/errors.ts";
import { deferredSource } from "../../src/engine/stream/deferred.ts";
import { parseStreamPath } from "../../src/format/manifest/series.ts";
import { put, type PutRequest, type PutResult, type PutStream } from "../../src/ops/put.ts";
import type { RepositoryAccess, World } from "../../src/ops/access.ts";
import { withBackup } from "../../src/ops/restore/get.ts";
import { withFaults } from "../helpers/fault_store.ts";
import {
  accessTo,
  BytesSource,
  concat,
  copyOf,
  ENGINE,
  fakeWorld,
  memoryRepository,
  namesOf,
  noise,
  putRequest,
  sqlDump,
} from "../helpers/world.ts";

const RUNS_AT_ONCE = 3;
const OPTIONS = { packBytes: 20_000 };

/** A stream of these bytes. */
function stream(path: string, source: Uint8Array | JudgedSource, guard: PutStream["guard"] = "none"): PutStream {
  return {
    path: parseStreamPath(path),
    source: source instanceof Uint8Array ? new BytesSource(source, 4096) : source,
    guard,
  };
}

interface Streams extends Partial<Omit<PutRequest, "input">> {
  readonly streams: readonly PutStream[];
  readonly signal?: AbortSignal;
}

function putStreams(access: RepositoryAccess, world: World, given: Streams): Promise<PutResult> {
  const { streams, signal, ...others } = given;
  const request = { ...putRequest(new BytesSource(new Uint8Array(0)), others), input: { engine: ENGINE, streams } };
  return put(access, { chunkAverage: 2048, ...request }, { world, signal, ...OPTIONS });
}

/** The files of the newest backup by path. */
function readFiles(access: RepositoryAccess, world: World): Promise<Map<string, Uint8Array>> {
  return withBackup(access, { selector: "prod/shop", noLock: true }, { world }, async ({ files, read }) => {
    const contents = new Map<string, Uint8Array>();
    for (const file of files) {
      const pieces: Uint8Array[] = [];
      // deno-lint-ignore require-await -- a sink gives a promise
      await read(file, { write: async (bytes) => void pieces.push(new Uint8Array(bytes)) });
      contents.set(file.path, concat(pieces));
    }
    return contents;
  });
}

/** What a put throws. */
function thrownBy(work: Promise<unknown>): Promise<unknown> {
  return work.then(() => undefined, (error) => error);
}

/** A source that gives some bytes and then nothing more until it is cancelled, and does not even hear of that. */
class HangingSource implements JudgedSource {
  cancelled = 0;
  readonly #first: Uint8Array;
  #isRead = false;
  readonly isRead = Promise.withResolvers<void>();

  constructor(first: Uint8Array) {
    this.#first = first;
  }

  read(target: Uint8Array): Promise<number | null> {
    if (this.#isRead) {
      this.isRead.resolve();
      return new Promise(() => {});
    }
    this.#isRead = true;
    target.set(this.#first);
    return Promise.resolve(this.#first.length);
  }

  cancel(): Promise<void> {
    this.cancelled++;
    return Promise.resolve();
  }

  ended(): Promise<void> {
    return new Promise(() => {});
  }
}

/** A source that ends, and whose producer turns out to have failed. */
function failing(bytes: Uint8Array, message: string): JudgedSource {
  const source = new BytesSource(bytes);
  return {
    read: (target) => source.read(target),
    cancel: () => source.cancel(),
    ended: () => Promise.reject(new SourceError(message)),
  };
}

Deno.test("streams of all sizes become one backup, however many are read at once", async (test) => {
  const contents = new Map([
    ["a/deep/one.sql", sqlDump(400, "one")],
    ["a/two.sql", sqlDump(900, "two")],
    ["big", noise(1_700_000, "big")],
    ["empty", new Uint8Array(0)],
    ["z.sql", sqlDump(3, "z")],
  ]);
  for (const jobs of [1, 2, 5, 40]) {
    await test.step(`${jobs} at once`, async () => {
      const world = fakeWorld();
      const { access } = await memoryRepository(world);
      const streams = [...contents].reverse().map(([path, bytes]) => stream(path, bytes, "auto"));
      const { manifest, problems, decision } = await putStreams(access, world, { streams, jobs, allowEmpty: true });
      assert.deepEqual(manifest.files.map(({ path }) => path), [...contents.keys()]);
      assert.deepEqual(manifest.files.map(({ guard }) => guard?.complete), [true, true, null, null, true]);
      assert.deepEqual([problems, decision.level, manifest.source], [[], 0, {}]);
      assert.equal(manifest.stats.bytesRead, [...contents.values()].reduce((sum, { length }) => sum + length, 0));
      const read = await readFiles(access, world);
      assert.deepEqual(read, new Map([...contents].map(([path, bytes]) => [`prod/shop/${path}`, bytes])));
    });
  }
});

Deno.test("no more streams are open than jobs, and the next one begins in the order given", async () => {
  for (const jobs of [1, 3]) {
    const world = fakeWorld();
    const { access } = await memoryRepository(world);
    let open = 0;
    let most = 0;
    const begun: number[] = [];
    const streams = Array.from({ length: 9 }, (_, i) => {
      const source = deferredSource(() => {
        begun.push(i);
        most = Math.max(most, ++open);
        const bytes = new BytesSource(noise(30_000 + 1000 * i, `s${i}`));
        return {
          read: (target) => bytes.read(target),
          cancel: () => bytes.cancel(),
          ended: () => Promise.resolve(void open--),
        };
      });
      return stream(`s${i}`, source);
    });
    await putStreams(access, world, { streams, jobs });
    assert.equal(most, jobs);
    assert.deepEqual(begun, Array.from({ length: 9 }, (_, i) => i));
  }
});

Deno.test("a stream that ended well is not cancelled", async () => {
  const world = fakeWorld();
  const { access } = await memoryRepository(world);
  const sources = [new BytesSource(noise(1000, "a")), new BytesSource(noise(2000, "b"))];
  await putStreams(access, world, { streams: sources.map((source, i) => stream(`s${i}`, source)) });
  assert.deepEqual(sources.map(({ cancelled }) => cancelled), [0, 0]);
});

Deno.test("if one stream fails, all others end at once, and nothing is committed", async (test) => {
  const failures: [string, () => PutStream, RegExp][] = [
    ["its command failed", () => stream("bad", failing(noise(100, "x"), "bad failed: its words")), /its words/],
    ["it is cut", () => stream("bad", sqlDump(10, "cut").subarray(0, 500), "auto"), /"prod\/shop\/bad".*not whole/],
    ["it is empty", () => stream("bad", new Uint8Array(0)), /"prod\/shop\/bad".*empty/],
    ["it is too short", () => stream("bad", noise(50, "short")), /"prod\/shop\/bad".*at least/],
    [
      "it breaks off",
      () => stream("bad", { ...failing(noise(1, ""), ""), read: () => Promise.reject(new SourceError("broke off")) }),
      /broke off/,
    ],
    [
      "it cannot begin",
      () =>
        stream(
          "bad",
          deferredSource(() => {
            throw new SourceError("cannot start bad");
          }),
        ),
      /cannot start bad/,
    ],
  ];
  for (const [name, bad, expected] of failures) {
    await test.step(name, async () => {
      const world = fakeWorld();
      const { access, store } = await memoryRepository(world);
      const before = new HangingSource(noise(5000, "before"));
      const after = new HangingSource(noise(5000, "after"));
      let begun = false;
      const waiting = deferredSource(() => {
        begun = true;
        return new BytesSource(new Uint8Array(1));
      });
      const streams = [stream("before", before), bad(), stream("after", after), stream("waiting", waiting)];
      const error = await thrownBy(putStreams(access, world, { streams, jobs: 3, minSize: 51 }));
      assert.ok(error instanceof SourceError, String(error));
      assert.match(error.message, expected);
      assert.ok(before.cancelled > 0 && after.cancelled > 0);
      assert.equal(begun, false);
      assert.deepEqual(await namesOf(store, "snapshot"), []);
      assert.deepEqual(await namesOf(store, "lock"), []);
    });
  }
});

Deno.test("sources that were never begun are cancelled, too, and may throw", async () => {
  const world = fakeWorld();
  const { access } = await memoryRepository(world);
  const unread = new BytesSource(noise(10, "unread"));
  const rude: JudgedSource = {
    ...failing(noise(10, ""), ""),
    cancel() {
      throw new TypeError("thrown by cancel");
    },
  };
  const streams = [stream("bad", failing(noise(10, ""), "the first reason")), stream("rude", rude)];
  const error = await thrownBy(putStreams(access, world, { streams: [...streams, stream("unread", unread)] }));
  assert.ok(error instanceof SourceError && error.message === "the first reason", String(error));
  assert.ok(unread.cancelled > 0);
});

Deno.test("a source whose cancel throws hides no error", async () => {
  const world = fakeWorld();
  const { access } = await memoryRepository(world);
  const hanging = new HangingSource(noise(10, "h"));
  const rude: JudgedSource = {
    read: (target) => hanging.read(target),
    ended: () => hanging.ended(),
    cancel() {
      throw new TypeError("thrown by cancel");
    },
  };
  const streams = [stream("rude", rude), stream("bad", failing(noise(10, ""), "the first reason"))];
  const error = await thrownBy(putStreams(access, world, { streams, jobs: 2 }));
  assert.ok(error instanceof SourceError && error.message === "the first reason", String(error));
});

Deno.test("what makes no sense is refused before anything is read", async (test) => {
  const world = fakeWorld();
  const { access } = await memoryRepository(world);
  const untouched: JudgedSource = {
    read: () => Promise.reject(new TypeError("was read")),
    cancel: () => Promise.resolve(),
    ended: () => Promise.reject(new TypeError("was judged")),
  };
  const named = (...paths: string[]) => ({ streams: paths.map((path) => stream(path, untouched)) });
  const refused: [string, Streams, RegExp][] = [
    ["two of one name", named("a", "b", "a"), /holds a file "a" already/],
    ["a stream within another's path", named("a", "a/b"), /leads through the file "a"/],
    ["the same the other way round", named("a/b", "a"), /"a" is a directory/],
    ["the directory of a level", named("level-0/a"), /"level-0" is kept/],
    ["the name of a level's directory", named("level-12"), /"level-12" is kept/],
    ["no stream", named(), /no stream/],
    ["no jobs", { ...named("a"), jobs: 0 }, /Not a number of jobs: 0/],
    ["half a job", { ...named("a"), jobs: 1.5 }, /Not a number of jobs: 1.5/],
  ];
  for (const [name, given, expected] of refused) {
    await test.step(name, async () => {
      const error = await thrownBy(putStreams(access, world, given));
      assert.ok(error instanceof UsageError, String(error));
      assert.match(error.message, expected);
    });
  }
  await test.step("but similar names are fine", async () => {
    const streams = ["metadata", "level-", "level-x", "a-b", "a/b", "aa"].map((path) => stream(path, noise(9, path)));
    assert.equal((await putStreams(access, world, { streams, jobs: 2 })).manifest.files.length, 6);
  });
});

Deno.test("each stream is compared with the stream of its own name, and notes name it", async () => {
  const world = fakeWorld();
  const { access } = await memoryRepository(world);
  const dumps = (
    rows: number,
  ) => [stream("a.sql", sqlDump(rows, "a"), "auto"), stream("b.sql", sqlDump(500, "b"), "auto")];
  await putStreams(access, world, { streams: dumps(500), jobs: 2 });
  world.clock.jump(3_600_000);
  const { manifest, warnings } = await putStreams(access, world, { streams: dumps(10), jobs: 2 });
  assert.deepEqual(manifest.files.map(({ shrunk }) => shrunk !== undefined), [true, false]);
  assert.match(warnings.join("\n"), /^"prod\/shop\/a\.sql" shrank/);
  const words = [dumps(500)[0]!, stream("b.sql", noise(40_000, "words"), "auto")];
  const error = await thrownBy(putStreams(access, world, { streams: words, jobs: 2 }));
  assert.ok(error instanceof SourceError);
  assert.match(error.message, /"prod\/shop\/b\.sql"/);
});

Deno.test("the total of the progress is that of all streams, also of those that have not begun", async () => {
  const world = fakeWorld();
  const { access } = await memoryRepository(world);
  const streams = () => Array.from({ length: 4 }, (_, i) => stream(`s${i}`, noise(10_000, `s${i}`)));
  const totals = new Set<number | null>();
  for (let night = 0; night < 2; night++) {
    totals.clear();
    const request = { ...putRequest(new BytesSource(noise(1, ""))), input: { engine: ENGINE, streams: streams() } };
    await put(access, request, {
      world,
      onProgress: ({ phase, bytesBefore, bytesAdded }) => {
        if (phase !== "waiting" && bytesAdded > 0 || phase === "commit") totals.add(bytesBefore);
      },
    });
    assert.deepEqual([...totals], [night === 0 ? null : 40_000]);
    world.clock.jump(3_600_000);
  }
});

Deno.test("whichever call to the store fails, nothing is committed, and every source is ended", async () => {
  const before = await (async () => {
    const world = fakeWorld();
    const { store, access } = await memoryRepository(world);
    await putStreams(access, world, { streams: [stream("first", noise(30_000, "first"))] });
    return store;
  })();
  const attempt = async (failAt: number) => {
    const store = await copyOf(before);
    const world = fakeWorld("second");
    world.clock.jump(3_600_000);
    const plan = (call: { readonly number: number }) =>
      call.number === failAt ? { type: "fail" as const, error: new StoreFullError("no space, on purpose") } : undefined;
    const faulty = withFaults(store, plan);
    const sources = ["a", "b", "c"].map((path) => new BytesSource(noise(40_000, path), 4096));
    const streams = sources.map((source, i) => stream(`s${i}`, source));
    const error = await thrownBy(putStreams(accessTo(faulty), world, { streams, jobs: 3 }));
    return { store, faulty, sources, error };
  };
  const { faulty: { calls } } = await attempt(0);
  assert.ok(calls.length > 12);
  await mapConcurrently(calls, RUNS_AT_ONCE, async ({ number, method, kind }) => {
    const { store, sources, error } = await attempt(number);
    const label = `call ${number} (${method} ${kind}) fails`;
    const isCommitted = (await namesOf(store, "snapshot")).length === 2;
    assert.ok(error === undefined || error instanceof AgentError && error.code !== "bug", `${label}: ${error}`);
    assert.equal(isCommitted, error === undefined, label);
    if (method === "put") assert.equal(isCommitted, false, label);
    if (error !== undefined) assert.ok(sources.every((source) => source.cancelled > 0 || source.hasEnded), label);
  });
});

Deno.test("a store that fails ends streams that give nothing more, and its error is what is thrown", async () => {
  const world = fakeWorld();
  const { store } = await memoryRepository(world);
  const full = new StoreFullError("no space, on purpose");
  const faulty = withFaults(store, ({ method, kind }) => {
    return method === "put" && kind === "pack" ? { type: "fail", error: full } : undefined;
  });
  const silent = new HangingSource(noise(100, "silent"));
  const streams = [stream("much", noise(200_000, "much")), stream("silent", silent)];
  assert.equal(await thrownBy(putStreams(accessTo(faulty), world, { streams, jobs: 2 })), full);
  assert.ok(silent.cancelled > 0);
});

Deno.test("interrupted at any call to the store or while streams run, a put ends, and commits nothing or all", async (test) => {
  const before = await (async () => {
    const world = fakeWorld();
    return (await memoryRepository(world)).store;
  })();
  const attempt = async (abortAt: number) => {
    const store = await copyOf(before);
    const stop = new AbortController();
    const faulty = withFaults(store, ({ number }) => {
      if (number === abortAt) stop.abort();
      return undefined;
    });
    const streams = ["a", "b", "c"].map((path) => stream(path, noise(40_000, path)));
    const put = putStreams(accessTo(faulty), fakeWorld("second"), { streams, jobs: 2, signal: stop.signal });
    return { store, faulty, error: await thrownBy(put) };
  };
  const { faulty: { calls } } = await attempt(0);
  await mapConcurrently(calls, RUNS_AT_ONCE, async ({ number, method, kind }) => {
    const { store, error } = await attempt(number);
    const label = `interrupted at call ${number} (${method} ${kind})`;
    assert.ok(error === undefined || error instanceof InterruptedError, `${label}: ${error}`);
    assert.equal((await namesOf(store, "snapshot")).length === 1, error === undefined, label);
    assert.equal((await namesOf(store, "lock")).length, 0, label);
  });
  await test.step("while two streams hang", async () => {
    const stop = new AbortController();
    const sources = [new HangingSource(noise(5000, "a")), new HangingSource(noise(5000, "b"))];
    const streams = sources.map((source, i) => stream(`s${i}`, source));
    const world = fakeWorld();
    const { access, store } = await memoryRepository(world);
    const put = thrownBy(putStreams(access, world, { streams, jobs: 2, signal: stop.signal }));
    await Promise.all(sources.map((source) => source.isRead.promise));
    stop.abort();
    assert.ok(await put instanceof InterruptedError);
    assert.ok(sources.every(({ cancelled }) => cancelled > 0));
    assert.deepEqual(await namesOf(store, "snapshot"), []);
  });
  await test.step("while the producer of an ended stream hangs", async () => {
    const stop = new AbortController();
    const judged = Promise.withResolvers<void>();
    const source = new BytesSource(noise(5000, "a"));
    const hanging: JudgedSource = {
      read: (target) => source.read(target),
      cancel: () => source.cancel(),
      ended() {
        judged.resolve();
        return new Promise(() => {});
      },
    };
    const world = fakeWorld();
    const { access } = await memoryRepository(world);
    const streams = [stream("a", hanging)];
    const put = thrownBy(putStreams(access, world, { streams, signal: stop.signal }));
    await judged.promise;
    stop.abort();
    assert.ok(await put instanceof InterruptedError);
  });
});
