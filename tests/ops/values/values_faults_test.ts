/**
 * Values on stores that fail: whatever happens, each key has its earlier value or the one that was set, whole, and the
 * next one can go on.
 */
import { deepEqual, equal, ok } from "node:assert/strict";
import { AgentError, StoreFullError } from "../../../src/base/errors.ts";
import { mapConcurrently } from "../../../src/base/concurrency.ts";
import { check } from "../../../src/ops/check.ts";
import { deleteValue } from "../../../src/ops/values/delete_value.ts";
import { acquireLock } from "../../../src/repository/lock/held_lock.ts";
import { openRepository } from "../../../src/repository/repository.ts";
import type { BlobStore } from "../../../src/store/store.ts";
import { type Fault, withFaults } from "../../helpers/fault_store.ts";
import { withPowerCut } from "../../helpers/power_cut_store.ts";
import {
  accessTo,
  copyOf,
  type FakeWorld,
  fakeWorld,
  IDENTITY,
  memoryRepository,
  PASSWORD,
} from "../../helpers/world.ts";
import { setTexts, textOf } from "./values_fixture.ts";

const RUNS_AT_ONCE = 3;
const KEYS = ["a", "a/b", "c"];
const OLD = Object.fromEntries(KEYS.map((key) => [key, `"old ${key}"`]));
const NEW = Object.fromEntries([...KEYS, "d"].map((key) => [key, `"new ${key}"`]));

const before = await (async () => {
  const world = fakeWorld();
  const { store, access } = await memoryRepository(world);
  await setTexts(access, world, { a: '"older"' });
  await setTexts(access, world, OLD);
  return store;
})();

/** A process that is dead afterwards. */
function otherWorld(): FakeWorld {
  const world = { ...fakeWorld("other"), identity: { ...IDENTITY, pid: 4712 } };
  world.clock.jump(3_600_000);
  return world;
}

async function outcomeOf(work: () => Promise<unknown>): Promise<unknown> {
  try {
    await work();
  } catch (error) {
    return error ?? new TypeError("nothing was thrown");
  }
}

const setAll = (store: BlobStore) => outcomeOf(() => setTexts(accessTo(store), otherWorld(), NEW));
const deleteOne = (store: BlobStore) =>
  outcomeOf(() => deleteValue(accessTo(store), { key: "a" }, { world: otherWorld() }));

/** The values of all keys, read without a lock that the dead process may have left. */
async function assertWhole(store: BlobStore, error: unknown, label: string): Promise<Record<string, string | null>> {
  if (error !== undefined) ok(error instanceof AgentError && error.code !== "bug", `${label}: ${error}`);
  const world = fakeWorld("after");
  world.clock.jump(7_200_000);
  const access = accessTo(store);
  const { errors } = await check(access, { readData: true, noLock: true }, { world });
  deepEqual(errors, [], label);
  const repository = await openRepository(store, { password: PASSWORD, randomBytes: world.randomBytes });
  const lock = await acquireLock(repository.files, world, { exclusive: true });
  await lock.confirmed;
  await lock.release();
  const values: Record<string, string | null> = {};
  for (const key of Object.keys(NEW)) values[key] = await textOf(access, world, key);
  return values;
}

/** What must hold after a set that ended like this. Gives how many keys have their new values. */
async function assertSet(store: BlobStore, error: unknown, label: string): Promise<number> {
  const values = await assertWhole(store, error, label);
  const isNew = Object.entries(values).map(([key, value]) => {
    ok(value === NEW[key] || value === (OLD[key] ?? null), `${label}: ${key} is ${value}`);
    return value === NEW[key];
  });
  const count = isNew.filter(Boolean).length;
  ok(error !== undefined || count === isNew.length, label);
  return count;
}

/** What must hold after a deletion that ended like this: never does an older value come back. */
async function assertDeleted(store: BlobStore, error: unknown, label: string): Promise<number> {
  const { a, ...others } = await assertWhole(store, error, label);
  deepEqual(others, { "a/b": OLD["a/b"], c: OLD["c"], d: null }, label);
  ok(a === null || a === OLD["a"] && error !== undefined, `${label}: ${a}`);
  return a === null ? 1 : 0;
}

const FAULTS: readonly [string, Fault, (method: string) => boolean][] = [
  ["fails", { type: "fail", error: new StoreFullError("no space, on purpose") }, () => true],
  ["is done but its answer is lost", { type: "lose-answer" }, (method) => method === "put" || method === "remove"],
];

for (
  const [what, run, assertOutcome] of [
    ["a set of several keys", setAll, assertSet],
    ["the deletion of a key", deleteOne, assertDeleted],
  ] as const
) {
  const watched = withFaults(await copyOf(before), () => undefined);
  equal(await run(watched), undefined);
  const { calls } = watched;

  for (const [name, fault, applies] of FAULTS) {
    Deno.test(`whichever call to the store ${name} during ${what}, each key stays whole`, async () => {
      const affected = calls.filter(({ method }) => applies(method));
      ok(affected.length > 3);
      await mapConcurrently(affected, RUNS_AT_ONCE, async ({ number, method, kind }) => {
        const store = await copyOf(before);
        const error = await run(withFaults(store, (call) => call.number === number ? fault : undefined));
        await assertOutcome(store, error, `call ${number} (${method} ${kind}) ${name}`);
      });
    });
  }

  for (const unacknowledged of ["kept", "forgotten"] as const) {
    Deno.test(`whenever the power is cut during ${what}, each key stays whole; the change under way is ${unacknowledged}`, async () => {
      const changes = calls.filter(({ method }) => method === "put" || method === "remove").length;
      const done = await mapConcurrently(Array.from({ length: changes }).keys(), RUNS_AT_ONCE, async (afterChanges) => {
        const disk = await copyOf(before);
        const error = await run(withPowerCut(disk, { afterChanges, unacknowledged }));
        equal(error === undefined, afterChanges === changes - 1);
        return await assertOutcome(disk, error, `power cut after ${afterChanges} changes`);
      });
      ok(done[0] === 0 && done.at(-1)! > 0, `${done}`);
    });
  }
}

Deno.test("a set that broke off is made good by the next one", async () => {
  const store = await copyOf(before);
  const isSnapshot = { kind: "snapshot", method: "put" } as const;
  const full: Fault = { type: "fail", error: new StoreFullError("no space, on purpose") };
  let snapshots = 0;
  const failing = withFaults(store, ({ kind, method }) => {
    return kind === isSnapshot.kind && method === isSnapshot.method && ++snapshots > 2 ? full : undefined;
  });
  ok(await setAll(failing) instanceof StoreFullError);
  const world = fakeWorld("again");
  world.clock.jump(7_200_000);
  await setTexts(accessTo(store), world, NEW);
  equal(await assertSet(store, undefined, "again"), 4);
});
