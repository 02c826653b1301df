/** Prune on stores that fail: wherever it stops, every backup restores, and the next prune finishes. */
import assert from "node:assert/strict";
import { mapConcurrently } from "../../src/base/concurrency.ts";
import { AgentError, StoreFullError } from "../../src/base/errors.ts";
import { everyNth, type Fault, withFaults } from "../helpers/fault_store.ts";
import { withPowerCut } from "../helpers/power_cut_store.ts";
import type { BlobStore } from "../../src/store/store.ts";
import { copyOf } from "../helpers/world.ts";
import { assertHolds, assertRestores, halfForgotten, pruneStore } from "../ops/prune_fixture.ts";

const RUNS_AT_ONCE = 3;
/** The nights that are still to be restored. */
const NIGHTS = [2, 4];

/** All needed blobs are read anyway; the packs as such are in tests/ops/prune_test.ts. */
const QUICKLY = { readData: false };

/** The repository to be pruned, with a pack that no index lists, so that every step has something to do. */
const before = await (async () => {
  const store = await halfForgotten();
  await store.put({ kind: "pack", name: "ab".repeat(32) }, [new Uint8Array(500)]);
  return store;
})();

/** Every call that a prune makes to its store. */
const calls = await (async () => {
  const faulty = withFaults(await copyOf(before), () => undefined);
  await pruneStore(faulty);
  return faulty.calls;
})();

/** What was thrown, which must be no bug. */
async function thrownBy(store: BlobStore, label: string): Promise<unknown> {
  try {
    await pruneStore(store);
  } catch (error) {
    assert.ok(error instanceof AgentError && error.code !== "bug", `${label}: ${error}`);
    return error;
  }
}

/** Fails unless everything is whole, and whole and finished after another prune. */
async function assertRecovers(store: BlobStore, label: string): Promise<void> {
  await assertHolds(store, NIGHTS, label, QUICKLY);
  await pruneStore(store);
  const { plan } = await pruneStore(store, { dryRun: true });
  assert.equal(plan.unindexed.length + plan.summary.unused.blobs, 0, label);
  await assertHolds(store, NIGHTS, `${label}, finished`, QUICKLY);
}

Deno.test("the prune under test writes and removes files of every kind it may", () => {
  const changes = new Set(calls.map(({ method, kind }) => `${method} ${kind}`));
  for (const change of ["put pack", "put index", "remove index", "remove pack"]) assert.ok(changes.has(change), change);
});

const FAULTS: readonly (readonly [name: string, fault: Fault])[] = [
  ["fails", { type: "fail", error: new StoreFullError("no space, on purpose") }],
  ["is done but its answer is lost", { type: "lose-answer" }],
];

for (const [name, fault] of FAULTS) {
  Deno.test(`whichever call to the store ${name}, every backup restores and the next prune finishes`, async () => {
    const isChange = (method: string) => method === "put" || method === "remove";
    // Most reads stop a prune before anything was changed, all in the same way: some of them will do.
    const chosen = calls.filter(({ method, number }) => isChange(method) || number % 5 === 0);
    await mapConcurrently(chosen, RUNS_AT_ONCE, async ({ number, method, kind }) => {
      const label = `call ${number} (${method} ${kind}) ${name}`;
      const store = await copyOf(before);
      const planned = withFaults(store, (call) => call.number === number ? fault : undefined);
      await thrownBy(planned, label);
      await assertRecovers(store, label);
    });
  });
}

for (const n of [2, 3, 5, 8, 13, 21]) {
  Deno.test(`every call number ${n}, ${2 * n}, ${3 * n} … fails: prunes get no further, and nothing is lost`, async () => {
    const store = await copyOf(before);
    const fault: Fault = { type: "fail", error: new StoreFullError("no space, on purpose") };
    for (let round = 0; round < 3; round++) {
      await thrownBy(withFaults(store, everyNth(n, fault, ({ kind }) => kind !== "lock")), `round ${round}`);
      await assertRestores(store, NIGHTS, `round ${round}`);
    }
    await assertRecovers(store, `every ${n}`);
  });
}

for (const unacknowledged of ["kept", "forgotten"] as const) {
  Deno.test(`whenever the power is cut, every backup restores; the change under way is ${unacknowledged}`, async () => {
    const changes = calls.filter(({ method }) => method === "put" || method === "remove").length;
    const moments = Array.from({ length: changes }, (_, afterChanges) => afterChanges);
    await mapConcurrently(moments, RUNS_AT_ONCE, async (afterChanges) => {
      const disk = await copyOf(before);
      const label = `power cut after ${afterChanges} of ${changes} changes`;
      const error = await thrownBy(withPowerCut(disk, { afterChanges, unacknowledged }), label);
      // Last of all the lock goes; all is done by then, and one that stays is removed by the next process.
      assert.equal(error === undefined, afterChanges === changes - 1, label);
      await assertRecovers(disk, label);
    });
  });
}
