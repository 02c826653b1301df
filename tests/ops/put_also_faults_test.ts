/** Put into two repositories that fail in turn at every call to their stores, and that is interrupted at every call. */
import assert from "node:assert/strict";
import { mapConcurrently } from "../../src/base/concurrency.ts";
import { InterruptedError, StoreFullError, TemporaryError } from "../../src/base/errors.ts";
import { acquireLock } from "../../src/repository/lock/held_lock.ts";
import { openRepository } from "../../src/repository/repository.ts";
import type { BlobStore } from "../../src/store/store.ts";
import { type Fault, type FaultPlan, type FaultyStore, type StoreCall, withFaults } from "../helpers/fault_store.ts";
import { BytesSource, fakeWorld, noise, PASSWORD } from "../helpers/world.ts";
import { FIRST, leftIn, putIntoBoth, type Stores, twoStores } from "./put_also_fixture.ts";

const RUNS_AT_ONCE = 3;
const SECOND = noise(60_000, "second");
const OVERRIDES = { chunkAverage: 2048 };
/** How many backups each repository holds before. */
const BEFORE = [1, 0] as const;

/** Gives whether the backup is in the store; everything that was there before must be whole, and no lock may stay. */
async function isIn(store: BlobStore, which: 0 | 1, label: string): Promise<boolean> {
  const backups = await leftIn(store);
  const streams = which === 0 ? [FIRST, SECOND] : [SECOND];
  assert.ok(backups.length <= streams.length, label);
  backups.forEach(({ bytes }, i) => assert.deepEqual(bytes, streams[i], label));
  return backups.length > BEFORE[which];
}

async function assertUnlocked(store: BlobStore): Promise<void> {
  const world = fakeWorld("after");
  const repository = await openRepository(store, { password: PASSWORD, randomBytes: world.randomBytes });
  const lock = await acquireLock(repository.files, world, { exclusive: true });
  await lock.confirmed;
  await lock.release();
}

async function withBothFaulty(plans: readonly [FaultPlan, FaultPlan]): Promise<[FaultyStore, FaultyStore]> {
  const [main, second] = await twoStores();
  return [withFaults(main, plans[0]), withFaults(second, plans[1])];
}

/** Every call that a put makes to each store. */
const calls: readonly (readonly StoreCall[])[] = await (async () => {
  const stores = await withBothFaulty([() => undefined, () => undefined]);
  assert.equal((await putIntoBoth(stores, new BytesSource(SECOND), OVERRIDES)).error, undefined);
  return stores.map(({ calls }) => calls);
})();

interface Failure {
  readonly name: string;
  readonly planFrom: (number: number) => FaultPlan;
  readonly applies: (call: StoreCall) => boolean;
}

const full: Fault = { type: "fail", error: new StoreFullError("no space, on purpose") };
const away: Fault = { type: "fail", error: new TemporaryError("no route, on purpose") };
const isChange = ({ method }: StoreCall) => method === "put" || method === "remove";
const FAILURES: readonly Failure[] = [
  { name: "fails once", planFrom: (from) => ({ number }) => number === from ? full : undefined, applies: () => true },
  {
    name: "is never answered again",
    planFrom: (from) => ({ number }) => number >= from ? away : undefined,
    applies: () => true,
  },
  {
    name: "is done but its answer is lost",
    planFrom: (from) => ({ number }) => number === from ? { type: "lose-answer" } : undefined,
    applies: isChange,
  },
];

for (const which of [0, 1] as const) {
  const other = which === 0 ? 1 : 0;
  for (const { name, planFrom, applies } of FAILURES) {
    Deno.test(`whichever call to the ${which === 0 ? "main" : "second"} repository ${name}, the other one has the backup`, async () => {
      const affected = calls[which]!.filter(applies);
      assert.ok(affected.length > 8);
      await mapConcurrently(affected, RUNS_AT_ONCE, async ({ number, method, kind }) => {
        const label = `call ${number} (${method} ${kind}) ${name}`;
        const stores = await twoStores();
        const faulty = withFaults(stores[which], planFrom(number));
        const both: Stores = which === 0 ? [faulty, stores[1]] : [stores[0], faulty];
        const { result, error } = await putIntoBoth(both, new BytesSource(SECOND), OVERRIDES);
        assert.equal(error, undefined, `${label}: ${error}`);
        assert.ok(await isIn(stores[other], other, label), label);
        await assertUnlocked(stores[other]);
        const outcomes = result!.repositories!;
        assert.ok(outcomes[other].written, label);
        const isThere = await isIn(stores[which], which, label);
        // Calls come in another order from time to time, so that this one may be another than it was.
        const hit = faulty.calls[number - 1];
        const hasLostAnswer = hit?.method === "put" && hit.kind === "snapshot" && name.includes("lost");
        assert.equal(
          isThere,
          outcomes[which].error === undefined || hasLostAnswer,
          `${label}: ${outcomes[which].error}`,
        );
      });
    });
  }
}

Deno.test("at whichever call it is interrupted, both repositories have the backup or neither", async () => {
  const total = calls[0]!.length + calls[1]!.length;
  const moments = Array.from({ length: total }, (_, i) => i + 1);
  const committed = await mapConcurrently(moments, RUNS_AT_ONCE, async (moment) => {
    const abort = new AbortController();
    let seen = 0;
    const plan: FaultPlan = () => {
      if (++seen === moment) abort.abort(new InterruptedError());
      return undefined;
    };
    const stores = await withBothFaulty([plan, plan]);
    const { error } = await putIntoBoth(stores, new BytesSource(SECOND), OVERRIDES, { signal: abort.signal });
    const label = `interrupted at call ${moment} of ${total}: ${error}`;
    const there = [await isIn(stores[0], 0, label), await isIn(stores[1], 1, label)];
    assert.equal(there[0], there[1], label);
    assert.equal(there[0], error === undefined, label);
    if (error !== undefined) assert.ok(error instanceof InterruptedError, label);
    for (const store of stores) await assertUnlocked(store);
    return there[0]!;
  });
  // The last calls write the snapshots and remove the locks: too late to stop. The first ones are early enough.
  assert.deepEqual([committed[0], committed.at(-1)], [false, true]);
});
