/** Stores that fail on purpose: each fault does what it says, and nothing else. */
import assert from "node:assert/strict";
import type { Clock } from "../../src/base/clock.ts";
import { NotFoundError, StoreError, StoreFullError, TemporaryError } from "../../src/base/errors.ts";
import { everyNth, type Fault, firstOf, withFaults } from "./fault_store.ts";
import { openMemoryStore } from "../../src/store/memory_store.ts";
import type { BlobStore } from "../../src/store/store.ts";
import { storeConformance } from "../conformance/store_suite.ts";
import { bytesOf, listing, pack } from "../conformance/stored_files.ts";
import { filesBelow, localFixture } from "../store/local_fixture.ts";

storeConformance("store without faults in a fault wrapper", {
  create() {
    const store = withFaults(openMemoryStore(), () => undefined);
    return Promise.resolve({ store, dispose: () => store.close() });
  },
}, [
  { test: "what one store put another one on the same files finds", reason: "the files are in memory" },
  { test: "foreign files are passed over", reason: "the files are in memory" },
]);

const full: Fault = { type: "fail", error: new StoreFullError("full on purpose") };

async function outcomes(calls: readonly (() => Promise<unknown>)[]): Promise<string[]> {
  const seen: string[] = [];
  for (const call of calls) seen.push(await call().then(() => "done", (thrown) => thrown.constructor.name));
  return seen;
}

Deno.test("every n-th of the calls picked fails and is not made", async () => {
  const inner = openMemoryStore();
  const store = withFaults(inner, everyNth(3, full, ({ method }) => method === "put"));
  const puts = [1, 2, 3, 4, 5, 6].map((number) => () => store.put(pack(number), [bytesOf(1)]));
  await assert.rejects(store.get(pack(1)), NotFoundError);
  assert.deepEqual(await outcomes(puts), ["done", "done", "StoreFullError", "done", "done", "StoreFullError"]);
  assert.equal((await listing(inner, "pack")).size, 4);
});

Deno.test("the first of the calls picked fail, later ones do not", async () => {
  const store = withFaults(openMemoryStore(), firstOf(({ kind }) => kind === "index", full, 2));
  const listIndex = () => Array.fromAsync(store.list("index"));
  const listPacks = () => Array.fromAsync(store.list("pack"));
  const seen = await outcomes([listPacks, listIndex, listPacks, listIndex, listIndex]);
  assert.deepEqual(seen, ["done", "StoreFullError", "done", "StoreFullError", "done"]);
});

async function tearsCleanly(inner: BlobStore): Promise<void> {
  const store = withFaults(inner, firstOf(() => true, { type: "tear" }));
  await assert.rejects(store.put(pack(1), [bytesOf(3_000_000), bytesOf(10)]), TemporaryError);
  await assert.rejects(inner.get(pack(1)), NotFoundError);
  await store.put(pack(1), [bytesOf(10)]);
  assert.deepEqual(await inner.get(pack(1)), bytesOf(10));
}

Deno.test("a torn put leaves nothing in a memory store", () => tearsCleanly(openMemoryStore()));

Deno.test("a torn put leaves nothing in a local store, not even a temporary file", async () => {
  await using fixture = await localFixture();
  await tearsCleanly(fixture.store);
  assert.equal((await filesBelow(fixture.root)).length, 1);
});

Deno.test("after a lost answer the file is there", async () => {
  const inner = openMemoryStore();
  const store = withFaults(inner, firstOf(({ method }) => method === "put", { type: "lose-answer" }));
  await assert.rejects(store.put(pack(1), [bytesOf(10)]), (thrown) => {
    return thrown instanceof TemporaryError && thrown.retryable;
  });
  assert.deepEqual(await inner.get(pack(1)), bytesOf(10));
});

Deno.test("a delayed call waits by the given clock and is made", async () => {
  const waits: number[] = [];
  const clock: Clock = {
    now: () => new Date(0),
    monotonicMs: () => 0,
    sleep: (ms) => Promise.resolve(void waits.push(ms)),
  };
  const store = withFaults(openMemoryStore(), everyNth(2, { type: "delay", delayMs: 250, clock }));
  await store.put(pack(1), [bytesOf(10)]);
  assert.equal(await store.size(pack(1)), 10);
  assert.deepEqual(waits, [250]);
});

Deno.test("calls are recorded in order", async () => {
  const store = withFaults(openMemoryStore(), firstOf(({ method }) => method === "remove", full));
  await store.create();
  await store.put(pack(1), [bytesOf(1)]);
  await assert.rejects(store.remove(pack(1)), StoreError);
  await listing(store, "lock");
  assert.deepEqual(store.calls, [
    { number: 1, method: "create", kind: undefined, file: undefined },
    { number: 2, method: "put", kind: "pack", file: pack(1) },
    { number: 3, method: "remove", kind: "pack", file: pack(1) },
    { number: 4, method: "list", kind: "lock", file: undefined },
  ]);
});
