/** Put on stores that fail: whatever happens, everything committed stays whole, and the next one can go on. */
import assert from "node:assert/strict";
import { AgentError, StoreFullError } from "../../src/base/errors.ts";
import { mapConcurrently } from "../../src/base/concurrency.ts";
import { acquireLock } from "../../src/repository/lock/held_lock.ts";
import { openRepository } from "../../src/repository/repository.ts";
import { type Fault, type FaultPlan, withFaults } from "../helpers/fault_store.ts";
import { withPowerCut } from "../helpers/power_cut_store.ts";
import type { BlobStore } from "../../src/store/store.ts";
import {
  accessTo,
  copyOf,
  fakeWorld,
  IDENTITY,
  memoryRepository,
  namesOf,
  noise,
  PASSWORD,
  putBytes,
  readAllBackups,
  sqlDump,
} from "../helpers/world.ts";

const RUNS_AT_ONCE = 3;
const FIRST = sqlDump(1000, "first");
const SECOND = noise(60_000, "second");
/** Small enough for packs that are written in the background while the stream goes on. */
const OPTIONS = { packBytes: 20_000 };

const before = await (async () => {
  const world = fakeWorld();
  const { store, access } = await memoryRepository(world);
  await putBytes(access, world, FIRST);
  return store;
})();

/** Puts the second stream as a process that is dead afterwards; gives what was thrown. */
async function putSecond(store: BlobStore): Promise<unknown> {
  const world = { ...fakeWorld("second"), identity: { ...IDENTITY, pid: 4712 } };
  world.clock.jump(3_600_000);
  try {
    await putBytes(accessTo(store), world, SECOND, { chunkAverage: 2048 }, OPTIONS);
  } catch (error) {
    return error ?? new TypeError("nothing was thrown");
  }
}

/** What must hold after a put that ended like this. Gives whether the second backup is there. */
async function assertWhole(store: BlobStore, error: unknown, label: string): Promise<boolean> {
  if (error !== undefined) assert.ok(error instanceof AgentError && error.code !== "bug", `${label}: ${error}`);
  const world = fakeWorld("after");
  const backups = await readAllBackups(store, world);
  const [first, second] = backups.map(({ bytes }) => bytes);
  assert.deepEqual(first, FIRST, label);
  assert.ok(backups.length <= 2 && (error !== undefined || backups.length === 2), label);
  if (second) assert.deepEqual(second, SECOND, label);

  const repository = await openRepository(store, { password: PASSWORD, randomBytes: world.randomBytes });
  const lock = await acquireLock(repository.files, world, { exclusive: true });
  await lock.confirmed;
  await lock.release();
  return backups.length === 2;
}

/** Every call that a put makes to its store. */
const calls = await (async () => {
  const faulty = withFaults(await copyOf(before), () => undefined);
  assert.equal(await putSecond(faulty), undefined);
  return faulty.calls;
})();

function planFor(number: number, fault: Fault): FaultPlan {
  return (call) => call.number === number ? fault : undefined;
}

const FAULTS: readonly [string, Fault, (method: string) => boolean][] = [
  ["fails", { type: "fail", error: new StoreFullError("no space, on purpose") }, () => true],
  ["is done but its answer is lost", { type: "lose-answer" }, (method) => method === "put" || method === "remove"],
];

for (const [name, fault, applies] of FAULTS) {
  Deno.test(`whichever call to the store ${name}, what is committed stays whole`, async () => {
    const affected = calls.filter(({ method }) => applies(method));
    assert.ok(affected.length > 8);
    await mapConcurrently(affected, RUNS_AT_ONCE, async ({ number, method, kind }) => {
      const label = `call ${number} (${method} ${kind}) ${name}`;
      const store = await copyOf(before);
      const error = await putSecond(withFaults(store, planFor(number, fault)));
      const isCommitted = await assertWhole(store, error, label);
      const comesAfterCommit = method === "remove" || (kind === "snapshot" && method === "put" && name !== "fails");
      assert.equal(isCommitted, error === undefined || comesAfterCommit, label);
    });
  });
}

for (const unacknowledged of ["kept", "forgotten"] as const) {
  Deno.test(`whenever the power is cut, what is committed stays whole; the change under way is ${unacknowledged}`, async () => {
    const changes = calls.filter(({ method }) => method === "put" || method === "remove").length;
    const moments = Array.from({ length: changes }, (_, afterChanges) => afterChanges);
    const committed = await mapConcurrently(moments, RUNS_AT_ONCE, async (afterChanges) => {
      const disk = await copyOf(before);
      const error = await putSecond(withPowerCut(disk, { afterChanges, unacknowledged }));
      // The last change removes the lock, which is no part of what the put is for.
      assert.equal(error === undefined, afterChanges === changes - 1);
      return await assertWhole(disk, error, `power cut after ${afterChanges} changes`);
    });
    const snapshotAt = changes - (unacknowledged === "kept" ? 2 : 1);
    assert.deepEqual(committed, moments.map((moment) => moment >= snapshotAt));
  });
}

Deno.test("what a failed put had made durable is not stored again by the next one", async () => {
  const store = await copyOf(before);
  const thirdPack = calls.filter(({ method, kind }) => method === "put" && kind === "pack")[2]!;
  const full: Fault = { type: "fail", error: new StoreFullError("no space, on purpose") };
  assert.ok(await putSecond(withFaults(store, planFor(thirdPack.number, full))) instanceof StoreFullError);
  const packs = await namesOf(store, "pack");
  const world = fakeWorld("again");
  const { manifest } = await putBytes(accessTo(store), world, SECOND, { chunkAverage: 2048 }, OPTIONS);
  const { blobsReused, blobsNew } = manifest.stats;
  assert.equal(packs.length, (await namesOf(before, "pack")).length + 2);
  assert.ok(blobsReused > 10 && blobsNew > 0, `${blobsReused} reused, ${blobsNew} new`);
});
