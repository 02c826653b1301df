/** Several streams in one put that fails or is interrupted: all of them are committed together, or nothing is. */
import assert from "node:assert/strict";
import type { JudgedSource } from "../../src/base/byte_source.ts";
import { mapConcurrently } from "../../src/base/concurrency.ts";
import { AgentError, InterruptedError, SourceError, StoreFullError } from "../../src/base/errors.ts";
import { deferredSource } from "../../src/engine/stream/deferred.ts";
import type { PutStream } from "../../src/ops/put.ts";
import { withFaults } from "../helpers/fault_store.ts";
import { thrownBy } from "../helpers/thrown.ts";
import {
  accessTo,
  BytesSource,
  copyOf,
  fakeWorld,
  memoryRepository,
  namesOf,
  noise,
  sqlDump,
} from "../helpers/world.ts";
import { failing, HangingSource, putStreams, stream } from "./put_streams_fixture.ts";

const RUNS_AT_ONCE = 3;

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
