/** Calls that fail for the moment are made again, and only those; what the repetition finds is understood. */
import assert from "node:assert/strict";
import * as fc from "fast-check";
import { DeniedError, ExistsError, NotFoundError, StoreError, TemporaryError } from "../../src/base/errors.ts";
import { type Fault, type FaultPlan, firstOf, type StoreCall, withFaults } from "../helpers/fault_store.ts";
import { openMemoryStore } from "../../src/store/memory_store.ts";
import { type Retry, withRetries } from "../../src/store/retry.ts";
import { type FailedCall, RETRY_POLICY, retryDelay } from "../../src/store/retry_decision.ts";
import type { BlobStore, FileName, ListedFile } from "../../src/store/store.ts";
import { storeConformance } from "../conformance/store_suite.ts";
import { bytesOf, idOf } from "../conformance/stored_files.ts";
import { FakeClock, seededRandom } from "../helpers/world.ts";
import { InstantClock } from "./instant_clock.ts";

const CONFIG: FileName = { kind: "config", name: "config" };
const PACK: FileName = { kind: "pack", name: idOf(1) };
const SMALL = bytesOf(100);
const LARGE = bytesOf(2 ** 20);

const busy: Fault = { type: "fail", error: new TemporaryError("busy on purpose") };
const lost: Fault = { type: "lose-answer" };

/** A memory store that fails by the plan, with retries around it. */
function flaky(plan: FaultPlan, inner: BlobStore = openMemoryStore()) {
  const clock = new InstantClock();
  const retries: Retry[] = [];
  const faulty = withFaults(inner, plan);
  const store = withRetries(faulty, {
    clock,
    random: seededRandom("retries"),
    onRetry: (retry) => retries.push(retry),
  });
  const methods = () => faulty.calls.map(({ method }) => method);
  return { inner, faulty, store, clock, retries, methods };
}

const onPut = ({ method }: StoreCall) => method === "put";

/** A third of all calls fail before they are made, without a rhythm. */
const often: FaultPlan = ({ number }) => Math.imul(number, 2654435761) >>> 0 < 2 ** 32 / 3 ? busy : undefined;

for (const [label, plan] of [["without faults", () => undefined], ["that fails often", often]] as const) {
  storeConformance(`retrying store ${label}`, {
    create() {
      const { store } = flaky(plan);
      return Promise.resolve({ store, dispose: () => store.close() });
    },
  }, [
    { test: "what one store put another one on the same files finds", reason: "the files are in memory" },
    { test: "foreign files are passed over", reason: "the files are in memory" },
  ]);
}

Deno.test("a failure that may pass is told and tried again, soon at first, then later and later", async () => {
  const { store, retries, clock } = flaky(firstOf(() => true, busy, 5));
  await store.put(PACK, [SMALL]);
  assert.deepEqual(retries.map(({ failures }) => failures), [1, 2, 3, 4, 5]);
  assert.deepEqual(retries.map(({ delayMs }) => delayMs), clock.sleeps);
  assert.ok(retries.every(({ error }) => error === busy.error));
  for (const [i, stepMs] of [200, 1000, 2000, 4000, 8000].entries()) {
    const delayMs = clock.sleeps[i]!;
    assert.ok(delayMs >= stepMs / 2 && delayMs <= stepMs, `wait ${i} of ${delayMs} ms`);
  }
});

Deno.test("an error for good is thrown as it is, at once", async () => {
  for (
    const error of [new NotFoundError("gone"), new DeniedError("no"), new StoreError("broken"), new TypeError("?")]
  ) {
    const { store, retries } = flaky(() => ({ type: "fail", error }));
    const calls = [
      () => store.create(),
      () => store.get(PACK),
      () => store.put(PACK, [SMALL]),
      () => store.size(PACK),
      () => store.remove(PACK),
      () => Array.fromAsync(store.list("pack")),
    ];
    for (const call of calls) await assert.rejects(call, (thrown) => thrown === error);
    assert.equal(retries.length, 0);
  }
});

Deno.test("every kind of call is tried again", async () => {
  const { store, retries } = flaky(({ number }) => number % 2 === 1 ? busy : undefined);
  await store.create();
  await store.put(PACK, [SMALL]);
  assert.deepEqual(await store.get(PACK), SMALL);
  assert.equal(await store.size(PACK), 100);
  assert.equal((await Array.fromAsync(store.list("pack"))).length, 1);
  await store.remove(PACK);
  assert.equal(retries.length, 6);
});

Deno.test("a store that never answered is given up after 15 seconds, one that did after 15 minutes", async () => {
  for (const [answers, limitMs] of [[false, 15_000], [true, 900_000]] as const) {
    const { store, clock } = flaky(({ method }) => method === "get" ? busy : undefined);
    // Not finding a file is an answer, too.
    if (answers) await assert.rejects(store.size(PACK), NotFoundError);
    const began = clock.nowMs;
    await assert.rejects(store.get(PACK), TemporaryError);
    assert.equal(clock.nowMs - began, limitMs);
  }
});

Deno.test("after it was given up a store counts as one that never answered, until it answers", async () => {
  let isUp = true;
  const { store, clock } = flaky(() => isUp ? undefined : busy);
  const spanOf = async (call: () => Promise<unknown>) => {
    const startMs = clock.nowMs;
    await assert.rejects(call, TemporaryError);
    return clock.nowMs - startMs;
  };
  await store.put(PACK, [SMALL]);
  isUp = false;
  assert.ok(await spanOf(() => store.get(PACK)) > 10 * 60_000);
  assert.ok(await spanOf(() => store.remove(PACK)) <= 15_000);
  isUp = true;
  await store.get(PACK);
  isUp = false;
  assert.ok(await spanOf(() => store.get(PACK)) > 10 * 60_000);
});

Deno.test("the error at the end keeps its class, and tells how often and how long it was tried", async () => {
  const disk = new StoreError("Cannot read: input/output error", { retryable: true });
  const spans = new Map([[disk, "15 s"], [new TemporaryError("busy", { retryAfterMs: 1 }), "15 min"]]);
  for (const [error, span] of spans) {
    const { store, faulty } = flaky(() => ({ type: "fail", error }));
    await assert.rejects(store.get(PACK), (thrown) => {
      assert.ok(thrown instanceof StoreError);
      assert.equal(thrown.constructor, error.constructor);
      assert.equal(thrown.cause, error);
      assert.equal(thrown.code, error.code);
      const expected = `${error.message} (gave up after it was tried ${faulty.calls.length} times in ${span})`;
      assert.equal(thrown.message, expected);
      return true;
    });
  }
});

Deno.test("the wait that a server asks for is kept, and one that is too long ends it at once", async () => {
  const asked = (retryAfterMs: number): Fault => ({
    type: "fail",
    error: new TemporaryError("busy", { retryAfterMs }),
  });
  const patient = flaky(firstOf(() => true, asked(7000)));
  await patient.store.put(PACK, [SMALL]);
  assert.ok(patient.clock.sleeps[0]! >= 7000);
  const maintained = flaky(firstOf(() => true, asked(60_000)));
  await maintained.store.put(PACK, [SMALL]);
  assert.ok(maintained.clock.sleeps[0]! >= 60_000, "who says when to come back is there, if only for the first time");
  const impatient = flaky(() => asked(15 * 60_000 + 1));
  await assert.rejects(impatient.store.put(PACK, [SMALL]), /busy \(gave up after it was tried once\)/);
  assert.deepEqual(impatient.clock.sleeps, []);
});

Deno.test("an abort while it waits rejects with the reason", async () => {
  const clock = new FakeClock();
  const faulty = withFaults(openMemoryStore(), () => ({
    type: "fail",
    error: new TemporaryError("busy", { retryAfterMs: 10_000 }),
  }));
  const store = withRetries(faulty, { clock, random: seededRandom("abort") });
  const controller = new AbortController();
  const { signal } = controller;
  const listing = () => Array.fromAsync(store.list("pack", { signal }));
  const calls = [store.get(PACK, undefined, { signal }), store.put(PACK, [SMALL], { signal }), listing()];
  const settled = Promise.allSettled(calls);
  await clock.advance(1000);
  controller.abort("enough");
  const reasons = (await settled).map((outcome) => outcome.status === "rejected" && outcome.reason);
  assert.deepEqual(reasons, ["enough", "enough", "enough"]);
});

Deno.test("a put whose answer was lost is a success when the repetition finds the file", async () => {
  for (const [file, content] of [[PACK, SMALL], [CONFIG, SMALL]] as const) {
    const { store, inner } = flaky(firstOf(onPut, lost));
    await store.put(file, [content.subarray(0, 30), content.subarray(30)]);
    assert.deepEqual(await inner.get(file), content);
  }
});

Deno.test("a large file is asked for before it is sent again", async () => {
  const stored = flaky(firstOf(onPut, lost));
  await stored.store.put(PACK, [LARGE]);
  assert.deepEqual(stored.methods(), ["put", "size"]);
  const missing = flaky(firstOf(onPut, busy));
  await missing.store.put(PACK, [LARGE]);
  assert.deepEqual(missing.methods(), ["put", "size", "put"]);
  const forbidden = flaky(({ method, number }) => {
    if (number === 1) return busy;
    return method === "size" ? { type: "fail", error: new DeniedError("write only") } : undefined;
  });
  await forbidden.store.put(PACK, [LARGE]);
  assert.deepEqual(forbidden.methods(), ["put", "size", "put"]);
  const shaky = flaky(({ number }) => number <= 2 ? number === 1 ? lost : busy : undefined);
  await shaky.store.put(PACK, [LARGE]);
  assert.deepEqual(shaky.methods(), ["put", "size", "size"], "the question may fail, too");
});

Deno.test("a put finds somebody else's file: an error, on the first attempt and on a repetition", async () => {
  for (const [file, other] of [[PACK, bytesOf(99)], [CONFIG, bytesOf(100, 2)], [CONFIG, bytesOf(99)]] as const) {
    for (const failures of [0, 1]) {
      const inner = openMemoryStore();
      await inner.put(file, [other]);
      const { store } = flaky(firstOf(onPut, busy, failures), inner);
      await assert.rejects(store.put(file, [SMALL]), ExistsError);
      assert.deepEqual(await inner.get(file), other);
    }
  }
  const inner = openMemoryStore();
  await inner.put(PACK, [SMALL]);
  await assert.rejects(flaky(() => undefined, inner).store.put(PACK, [SMALL]), ExistsError);
});

/** A store whose listings break off after these numbers of rows, one listing after another, and then do not. */
function breaking(names: readonly string[], breaks: number[]): BlobStore {
  const store = openMemoryStore();
  store.list = async function* (): AsyncGenerator<ListedFile> {
    const most = breaks.shift();
    // Another order every time: the contract promises none.
    const order = breaks.length % 2 === 0 ? names : names.toReversed();
    for (const name of order.slice(0, most)) yield { name, size: 1 };
    if (most !== undefined) await Promise.reject(new TemporaryError("broken off"));
  };
  return store;
}

Deno.test("a listing that breaks off begins again and gives no name twice", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.nat(40),
      fc.array(fc.nat(50), { maxLength: 6 }),
      async (count, breaks) => {
        const names = Array.from({ length: count }, (_, i) => idOf(i));
        const { store } = flaky(() => undefined);
        const clock = new InstantClock();
        const listing = withRetries(breaking(names, [...breaks]), { clock, random: seededRandom("list") });
        const listed = (await Array.fromAsync(listing.list("pack"))).map(({ name }) => name);
        assert.deepEqual(listed.sort(), names.sort());
        assert.equal(clock.sleeps.length, breaks.length);
        await store.close();
      },
    ),
    { seed: 21 },
  );
});

Deno.test("a listing that gets on between failures is patient, one that does not is given up", async () => {
  const names = Array.from({ length: 100 }, (_, i) => idOf(i));
  const random = seededRandom("patience");
  const clock = new InstantClock();
  const progressing = names.slice(0, 50).map((_, i) => i + 1);
  const store = withRetries(breaking(names, progressing), { clock, random });
  assert.equal((await Array.fromAsync(store.list("pack"))).length, 100);
  assert.ok(Math.max(...clock.sleeps) <= 1000, "the back-off begins anew");
  const stuck = withRetries(breaking(names, Array<number>(1000).fill(5)), { clock, random });
  const given: string[] = [];
  await assert.rejects(async () => {
    for await (const { name } of stuck.list("pack")) given.push(name);
  }, TemporaryError);
  assert.equal(new Set(given).size, given.length);
});

Deno.test("the config is listed once", async () => {
  const { store, inner } = flaky(firstOf(() => true, busy, 2));
  await inner.put(CONFIG, [SMALL]);
  assert.deepEqual(await Array.fromAsync(store.list("config")), [{ name: "config", size: 100 }]);
});

const failedCall: fc.Arbitrary<FailedCall> = fc.record({
  error: fc.option(fc.nat(2_000_000)).map((ms) => new TemporaryError("busy", { retryAfterMs: ms ?? undefined })),
  failures: fc.integer({ min: 1, max: 5000 }),
  failingMs: fc.nat(1_000_000),
  hasAnswered: fc.boolean(),
});
const anyChance = fc.double({ min: 0, max: 1, noNaN: true });

Deno.test("a delay never outlasts the time, keeps what was asked for, and is missing only where no time is left", () => {
  fc.assert(
    fc.property(failedCall, anyChance, (call, chance) => {
      const delayMs = retryDelay(call, chance);
      const { retryAfterMs } = call.error as TemporaryError;
      const leftMs = (call.hasAnswered || retryAfterMs !== undefined ? 900_000 : 15_000) - call.failingMs;
      const askedMs = retryAfterMs ?? 0;
      assert.equal(delayMs === null, leftMs <= 0 || askedMs > leftMs);
      if (delayMs === null) return;
      assert.ok(delayMs > 0 && delayMs <= leftMs && delayMs >= askedMs);
      assert.ok(delayMs - askedMs <= RETRY_POLICY.longestMs);
    }),
    { seed: 22 },
  );
});

Deno.test("delays never shrink from failure to failure, for the same chance", () => {
  fc.assert(
    fc.property(failedCall, anyChance, (call, chance) => {
      const first = retryDelay(call, chance);
      const second = retryDelay({ ...call, failures: call.failures + 1 }, chance);
      assert.ok(first === null ? second === null : second! >= first);
    }),
    { seed: 23 },
  );
});

Deno.test("what cannot pass has no delay", () => {
  const call = { failures: 1, failingMs: 0, hasAnswered: true };
  assert.equal(retryDelay({ ...call, error: new StoreError("broken") }, 0), null);
  assert.equal(retryDelay({ ...call, error: new StoreError("disk", { retryable: true }) }, 0), 100);
});
