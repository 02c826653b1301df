/** Locks that are held: how they are refreshed, and when they are lost. */
import assert from "node:assert/strict";
import { LockedError, NotFoundError, StoreFullError } from "../../../src/base/errors.ts";
import { acquireLock, type HeldLock } from "../../../src/repository/lock/held_lock.ts";
import { listLocks } from "../../../src/repository/lock/locks.ts";
import type { Fault, FaultPlan } from "../../helpers/fault_store.ts";
import { namesOf } from "../../helpers/world.ts";
import { MINUTE, removeAll, type Scene, scene } from "../lock_scene.ts";

Deno.test("a refresh writes the new file before the old one goes, every five minutes", async () => {
  const order: string[] = [];
  const { files, tools, store, clock } = scene({
    plan({ method, file }) {
      if (method === "put" || method === "remove") order.push(`${method} ${file!.name}`);
      return undefined;
    },
  });
  const pending = await acquireLock(files, tools, { exclusive: false });
  await pending.confirmed;
  const [first] = await namesOf(store, "lock");
  await clock.advance(5 * MINUTE - 1000);
  assert.deepEqual(await namesOf(store, "lock"), [first]);
  await clock.advance(1000);
  const [second, ...others] = await namesOf(store, "lock");
  assert.deepEqual(others, []);
  assert.notEqual(second, first);
  assert.deepEqual(order, [`put ${first}`, `put ${second}`, `remove ${first}`]);
  const [found] = await listLocks(files, tools);
  assert.equal(clock.now().getTime() - new Date(found!.lock.time).getTime() < 2000, true);
  await pending.release();
  assert.deepEqual(await namesOf(store, "lock"), []);
});

Deno.test("a lock is held as long as it is refreshed", async () => {
  const { files, tools, clock } = scene();
  const pending = await acquireLock(files, tools, { exclusive: false });
  const held = await pending.confirmed;
  for (let i = 0; i < 30; i++) {
    await clock.advance(4 * MINUTE);
    held.assertHeld();
  }
  await pending.release();
});

Deno.test("a lock that cannot be refreshed holds for 22.5 minutes, then it is lost for good", async () => {
  let failing = false;
  const { files, tools, clock } = scene({
    plan: ({ method }) => failing && method === "put" ? { type: "fail", error: new StoreFullError("full") } : undefined,
  });
  const pending = await acquireLock(files, tools, { exclusive: false });
  const held = await pending.confirmed;
  failing = true;
  await clock.advance(22 * MINUTE);
  held.assertHeld();
  await clock.advance(MINUTE);
  const isLost = (error: unknown) => error instanceof LockedError && error.cause instanceof StoreFullError;
  assert.throws(() => held.assertHeld(), isLost);
  failing = false;
  await clock.advance(20 * MINUTE);
  assert.throws(() => held.assertHeld(), LockedError);
  await pending.release();
});

Deno.test("after a standby the lock is lost, though it could be written again", async () => {
  const { files, tools, clock } = scene();
  const pending = await acquireLock(files, tools, { exclusive: false });
  const held = await pending.confirmed;
  clock.jump(60 * MINUTE);
  await clock.advance(MINUTE);
  assert.throws(() => held.assertHeld(), LockedError);
  await pending.release();
});

/** A scene whose puts meet the fault that is set. */
function faultyPuts(): Scene & { fault: Fault | undefined } {
  const plan: FaultPlan = ({ method }) => method === "put" ? state.fault : undefined;
  const state: Scene & { fault: Fault | undefined } = { ...scene({ plan }), fault: undefined };
  return state;
}

const FULL: Fault = { type: "fail", error: new StoreFullError("full") };

async function lostBy(state: Scene, held: HeldLock, message: RegExp): Promise<void> {
  const rejected = assert.rejects(held.confirmHeld(), (error: Error) => {
    assert.ok(error instanceof LockedError);
    assert.match(error.message, message);
    return true;
  });
  await Promise.all([rejected, state.clock.advance(1000)]);
  assert.throws(() => held.assertHeld(), message);
}

Deno.test("a refresh that lands too late does not bring a lost lock back", async () => {
  const state = faultyPuts();
  const pending = await acquireLock(state.files, state.tools, { exclusive: false });
  const held = await pending.confirmed;
  state.fault = { type: "delay", delayMs: 20 * MINUTE, clock: state.clock };
  await state.clock.advance(5 * MINUTE);
  state.fault = undefined;
  await state.clock.advance(21 * MINUTE);
  await lostBy(state, held, /was not refreshed for 25 min/);
  await state.clock.advance(30 * MINUTE);
  assert.throws(() => held.assertHeld(), LockedError);
  await pending.release();
  assert.deepEqual(await namesOf(state.store, "lock"), []);
});

Deno.test("a lock is as old as the beginning of its last refresh", async () => {
  const state = faultyPuts();
  const pending = await acquireLock(state.files, state.tools, { exclusive: false });
  const held = await pending.confirmed;
  state.fault = { type: "delay", delayMs: 10 * MINUTE, clock: state.clock };
  await state.clock.advance(6 * MINUTE);
  state.fault = FULL;
  await state.clock.advance(21 * MINUTE);
  held.assertHeld();
  await state.clock.advance(MINUTE);
  assert.throws(() => held.assertHeld(), LockedError, "23 minutes after the refresh began, 13 after it ended");
  await pending.release();
});

Deno.test("a clock that is set back keeps no lock alive", async () => {
  const state = faultyPuts();
  const pending = await acquireLock(state.files, state.tools, { exclusive: false });
  const held = await pending.confirmed;
  state.fault = FULL;
  state.clock.adjust(-60 * MINUTE);
  await state.clock.advance(22 * MINUTE);
  held.assertHeld();
  await state.clock.advance(MINUTE);
  assert.throws(() => held.assertHeld(), LockedError);
  state.clock.adjust(-60 * MINUTE);
  assert.throws(() => held.assertHeld(), LockedError, "lost for good");
  await pending.release();
});

Deno.test("by the clock nobody is asked, and a lock is lost once others may call it stale", async () => {
  const state = scene();
  const pending = await acquireLock(state.files, state.tools, { exclusive: true });
  const held = await pending.confirmed;
  state.clock.jump(10 * MINUTE);
  const calls = state.faulty.calls.length;
  held.assertHeld();
  assert.equal(state.faulty.calls.length, calls);
  state.clock.jump(20 * MINUTE);
  assert.throws(() => held.assertHeld(), LockedError);
  await pending.release();
});

Deno.test("a lock that somebody removed is lost, whoever asks before the next refresh", async () => {
  const state = scene();
  const pending = await acquireLock(state.files, state.tools, { exclusive: true });
  const held = await pending.confirmed;
  await held.confirmHeld();
  await removeAll(state);
  await state.clock.advance(MINUTE);
  held.assertHeld();
  await lostBy(state, held, /was removed by somebody: others may have taken over; run it again$/);
  await state.clock.advance(30 * MINUTE);
  assert.throws(() => held.assertHeld(), LockedError);
  assert.deepEqual(await namesOf(state.store, "lock"), [], "it is not written again");
  await pending.release();
});

Deno.test("a refresh does not bring back a lock that somebody removed", async () => {
  const state = scene();
  const pending = await acquireLock(state.files, state.tools, { exclusive: false });
  const held = await pending.confirmed;
  await removeAll(state);
  await state.clock.advance(6 * MINUTE);
  assert.throws(() => held.assertHeld(), /was removed by somebody/);
  await pending.release();
  assert.deepEqual(await namesOf(state.store, "lock"), []);
});

Deno.test("a refresh that could not look for the old file counts for nothing, and the next one looks again", async () => {
  let failing = false;
  const state = scene({ plan: ({ method }) => failing && method === "size" ? FULL : undefined });
  const pending = await acquireLock(state.files, state.tools, { exclusive: false });
  const held = await pending.confirmed;
  failing = true;
  await state.clock.advance(6 * MINUTE);
  failing = false;
  await state.clock.advance(5 * MINUTE);
  held.assertHeld();
  assert.equal((await namesOf(state.store, "lock")).length, 1);
  failing = true;
  await state.clock.advance(23 * MINUTE);
  assert.throws(() => held.assertHeld(), /was not refreshed/);
  await pending.release();
  assert.deepEqual(await namesOf(state.store, "lock"), []);
});

Deno.test("what a store does not find at first is looked for again", async () => {
  let misses = 0;
  const missing: Fault = { type: "fail", error: new NotFoundError("late") };
  const state = scene({ plan: ({ method }) => method === "size" && misses-- > 0 ? missing : undefined });
  const pending = await acquireLock(state.files, state.tools, { exclusive: false });
  const held = await pending.confirmed;
  await state.clock.advance(MINUTE);
  misses = 1;
  await held.confirmHeld();
  misses = 1;
  await state.clock.advance(10 * MINUTE);
  await held.confirmHeld();
  await pending.release();
});

Deno.test("a lock can be made sure of during its refreshes", async () => {
  const state = scene();
  const pending = await acquireLock(state.files, state.tools, { exclusive: false });
  const held = await pending.confirmed;
  for (let i = 0; i < 40; i++) {
    const refreshing = state.clock.advance(MINUTE);
    for (let turns = 0; turns < i; turns++) await Promise.resolve();
    await Promise.all([held.confirmHeld(), refreshing]);
  }
  await pending.release();
});

Deno.test("to make sure of a lock costs one request for all who ask, while nobody can have taken over", async () => {
  const state = scene();
  const pending = await acquireLock(state.files, state.tools, { exclusive: true });
  const held = await pending.confirmed;
  const looks = () => state.faulty.calls.filter(({ method }) => method === "size").length;
  await held.confirmHeld();
  assert.equal(looks(), 0, "it was listed just now");
  await state.clock.advance(150);
  await Promise.all(Array.from({ length: 100 }, () => held.confirmHeld()));
  assert.equal(looks(), 1);
  await state.clock.advance(149);
  await held.confirmHeld();
  assert.equal(looks(), 1);
  await state.clock.advance(1);
  await held.confirmHeld();
  assert.equal(looks(), 2);
  await pending.release();
});

Deno.test("a refresh that failed once is made up for at the next turn", async () => {
  let failures = 1;
  const { files, tools, clock, store } = scene({
    plan: ({ method, number }) =>
      number > 5 && method === "put" && failures-- > 0
        ? { type: "fail", error: new StoreFullError("full") }
        : undefined,
  });
  const pending = await acquireLock(files, tools, { exclusive: false });
  const held = await pending.confirmed;
  await clock.advance(11 * MINUTE);
  assert.ok(failures <= 0);
  await clock.advance(20 * MINUTE);
  held.assertHeld();
  assert.equal((await namesOf(store, "lock")).length, 1);
  await pending.release();
});

Deno.test("an old file that could not be removed at a refresh goes at the next one or at the release", async () => {
  let failing = false;
  const { files, tools, clock, store } = scene({
    plan: ({ method }) =>
      failing && method === "remove" ? { type: "fail", error: new StoreFullError("no") } : undefined,
  });
  const pending = await acquireLock(files, tools, { exclusive: true });
  await pending.confirmed;
  failing = true;
  await clock.advance(6 * MINUTE);
  assert.equal((await namesOf(store, "lock")).length, 2);
  failing = false;
  await pending.release();
  assert.deepEqual(await namesOf(store, "lock"), []);
});
