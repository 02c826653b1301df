/** Locks that are held: who gets one, and what holding one means over time. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { InterruptedError, LockedError, NotFoundError, StoreFullError } from "../../../src/base/errors.ts";
import { acquireLock, type HeldLock, type PendingLock } from "../../../src/repository/lock/held_lock.ts";
import { listLocks } from "../../../src/repository/lock/locks.ts";
import { SealedFileWriter } from "../../../src/repository/sealed_files.ts";
import type { Fault, FaultPlan } from "../../helpers/fault_store.ts";
import type { BlobStore } from "../../../src/store/store.ts";
import { IDENTITY, macrotask, namesOf, seededRandom } from "../../helpers/world.ts";
import { MINUTE, otherTools, released, type Scene, scene, sealer } from "../lock_scene.ts";

for (const [first, second] of [[false, false], [false, true], [true, false], [true, true]] as const) {
  const name = (exclusive: boolean) => exclusive ? "an exclusive lock" : "a shared lock";
  const allowed = !first && !second;
  Deno.test(`${name(first)} ${allowed ? "lets in" : "excludes"} ${name(second)}`, async () => {
    const { files, tools, store } = scene();
    const pending = await acquireLock(files, tools, { exclusive: first });
    await pending.confirmed;
    if (allowed) await released(await acquireLock(files, tools, { exclusive: second }));
    else await assert.rejects(acquireLock(files, tools, { exclusive: second }), LockedError);
    assert.equal((await namesOf(store, "lock")).length, 1);
    await pending.release();
    assert.deepEqual(await namesOf(store, "lock"), []);
    await released(await acquireLock(files, tools, { exclusive: second }));
  });
}

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

/** As `agent unlock --remove-all` does. */
async function removeAll({ store }: Scene): Promise<void> {
  for (const name of await namesOf(store, "lock")) await store.remove({ kind: "lock", name });
}

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

/** A scene whose store lists locks only when the test lets it. */
function slowToList(): Scene & { hidden: boolean } {
  const state = { ...scene({ alive: [IDENTITY.pid, 50] }), hidden: true };
  const list = state.store.list.bind(state.store);
  state.store.list = async function* (kind) {
    if (!state.hidden) yield* list(kind);
  };
  return state;
}

/** One by one, for whoever sleeps again each time. */
async function secondsPass({ clock }: Scene, seconds: number): Promise<void> {
  for (let i = 0; i < seconds; i++) await clock.advance(1000);
}

Deno.test("a lock is confirmed only when the store lists it: one that does not may hide others', too", async () => {
  const state = slowToList();
  const pending = await acquireLock(state.files, state.tools, { exclusive: false });
  let confirmed = false;
  void pending.confirmed.then(() => confirmed = true, () => {});
  await secondsPass(state, 5);
  assert.equal(confirmed, false);
  const other = await acquireLock(state.files, otherTools(state, { pid: 50 }), { exclusive: true });
  const refused = assert.rejects(other.confirmed, LockedError);
  state.hidden = false;
  const rejected = assert.rejects(pending.confirmed, LockedError);
  await Promise.all([refused, rejected, secondsPass(state, 10)]);
  await released(pending, other);
});

Deno.test("a lock that the store never lists is given up", async () => {
  const state = slowToList();
  const pending = await acquireLock(state.files, state.tools, { exclusive: false });
  const rejected = assert.rejects(pending.confirmed, /does not list the lock that was just written/);
  await Promise.all([rejected, secondsPass(state, 60)]);
  await pending.release();
  state.hidden = false;
  assert.deepEqual(await namesOf(state.store, "lock"), []);
});

Deno.test("a lock that is removed before it is confirmed was never held", async () => {
  const state = scene();
  const pending = await acquireLock(state.files, state.tools, { exclusive: true });
  await removeAll(state);
  await assert.rejects(pending.confirmed, /was removed by somebody/);
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

Deno.test("release is idempotent, waits for what is under way, and ends all timers", async () => {
  const { files, tools, store } = scene();
  const pending = await acquireLock(files, tools, { exclusive: false });
  await Promise.all([pending.release(), pending.release()]);
  assert.deepEqual(await namesOf(store, "lock"), []);
  await pending.release();
  await assert.rejects(pending.confirmed);
});

Deno.test("releasing at the moment of a refresh leaves no file behind", async () => {
  for (let turns = 0; turns < 12; turns++) {
    const { files, tools, store, clock } = scene();
    const pending = await acquireLock(files, tools, { exclusive: false });
    await pending.confirmed;
    const advancing = clock.advance(5 * MINUTE);
    await macrotask();
    for (let i = 0; i < turns; i++) await Promise.resolve();
    await pending.release();
    await advancing;
    assert.deepEqual(await namesOf(store, "lock"), []);
  }
});

Deno.test("an aborted signal ends the confirmation with its reason", async () => {
  const abort = new AbortController();
  const { files, tools, store } = scene();
  abort.abort(new InterruptedError());
  await assert.rejects(acquireLock(files, tools, { exclusive: false, signal: abort.signal }), InterruptedError);
  assert.deepEqual(await namesOf(store, "lock"), []);
});

/** A store whose calls wait until the scheduler lets them go on, so that any interleaving can be made. */
function scheduled(store: BlobStore, scheduler: fc.Scheduler): BlobStore {
  const turn = () => scheduler.schedule(Promise.resolve());
  return {
    location: store.location,
    connections: 1,
    uploads: 1,
    create: () => store.create(),
    get: (file, range) => turn().then(() => store.get(file, range)),
    put: (file, content) => turn().then(() => store.put(file, content)),
    size: (file) => turn().then(() => store.size(file)),
    async *list(kind) {
      await turn();
      yield* store.list(kind);
    },
    remove: (file) => turn().then(() => store.remove(file)),
    close: () => store.close(),
  };
}

Deno.test("of two that lock at the same moment, one of them exclusively, never do both go on", async () => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), fc.boolean(), async (scheduler, both) => {
      const state = scene({ alive: [1, 2] });
      const files = new SealedFileWriter(scheduled(state.store, scheduler), sealer, 2);
      let going = 0;
      const tryOnce = async (pid: number, exclusive: boolean) => {
        let lock: PendingLock | undefined;
        try {
          lock = await acquireLock(files, otherTools(state, { pid }), { exclusive });
          await lock.confirmed;
          going++;
          assert.equal(going, 1, "both hold the lock");
          await scheduler.schedule(Promise.resolve());
          going--;
          return true;
        } catch (error) {
          if (!(error instanceof LockedError)) throw error;
          return false;
        } finally {
          await lock?.release();
        }
      };
      const outcomes = Promise.all([tryOnce(1, true), tryOnce(2, both)]);
      await scheduler.waitFor(outcomes);
      assert.deepEqual(await namesOf(state.store, "lock"), []);
    }),
    { numRuns: 40, seed: 9 },
  );
});

Deno.test("whoever may wait for a lock tries again, with pauses that double up to five seconds", async () => {
  const state = scene({ alive: [IDENTITY.pid, 50] });
  const pending = await acquireLock(state.files, otherTools(state, { pid: 50 }), { exclusive: true });
  await pending.confirmed;
  state.clock.sleeps.length = 0;
  let lock: PendingLock | undefined;
  const waiting = acquireLock(state.files, state.tools, { exclusive: false, retryLockMs: 10 * MINUTE })
    .then((got) => lock = got);
  for (let i = 0; i < 60; i++) await state.clock.advance(1000);
  assert.equal(lock, undefined);
  const pauses = state.clock.sleeps.filter((ms) => ms !== 5 * MINUTE);
  const shares = pauses.map((pause, i) => pause / Math.min(2 ** i * 500, 5000));
  assert.ok(shares.every((share) => share <= 1 && share >= 0.75), `pauses of ${pauses.join(", ")} ms`);
  assert.ok(pauses.length >= 12);
  assert.ok(new Set(shares).size > 4, "all by the same share");
  await pending.release();
  await state.clock.advance(5000);
  await waiting;
  (await lock!.confirmed).assertHeld();
  await lock!.release();
});

Deno.test("waiting for a lock ends when its time is over, after one last try", async () => {
  const state = scene({ alive: [IDENTITY.pid, 50] });
  const pending = await acquireLock(state.files, otherTools(state, { pid: 50 }), { exclusive: true });
  await pending.confirmed;
  const start = state.clock.monotonicMs();
  const told: string[] = [];
  const tools = { ...state.tools, onWait: ({ message }: Error) => void told.push(message) };
  const waiting = assert.rejects(acquireLock(state.files, tools, { exclusive: false, retryLockMs: 5000 }), LockedError);
  await state.clock.advance(6000);
  await waiting;
  assert.ok(state.clock.monotonicMs() - start >= 5000);
  assert.equal(told.length, 1);
  assert.match(told[0]!, /locked exclusively by process 50/);
  await assert.rejects(acquireLock(state.files, tools, { exclusive: false }), LockedError);
  assert.equal(told.length, 1, "who does not wait is told by the error");
  await pending.release();
});

Deno.test("waiting for a lock ends when the signal says so", async () => {
  const state = scene({ alive: [IDENTITY.pid, 50] });
  const pending = await acquireLock(state.files, otherTools(state, { pid: 50 }), { exclusive: true });
  await pending.confirmed;
  const abort = new AbortController();
  const options = { exclusive: false, retryLockMs: 10 * MINUTE, signal: abort.signal };
  const waiting = assert.rejects(acquireLock(state.files, state.tools, options), InterruptedError);
  await state.clock.advance(3000);
  abort.abort(new InterruptedError());
  await waiting;
  await pending.release();
  assert.deepEqual(await namesOf(state.store, "lock"), []);
});

Deno.test("only a lock is waited for: other failures are thrown at once", async () => {
  const state = scene({
    plan: ({ method }) => method === "put" ? { type: "fail", error: new StoreFullError("x") } : undefined,
  });
  await assert.rejects(
    acquireLock(state.files, state.tools, { exclusive: false, retryLockMs: 10 * MINUTE }),
    StoreFullError,
  );
});

Deno.test("two that wait for each other both get their turn", async () => {
  const state = scene({ alive: [1, 2] });
  const done: number[] = [];
  const work = async (pid: number) => {
    const tools = { ...otherTools(state, { pid }), randomBytes: seededRandom(`pauses ${pid}`) };
    const lock = await acquireLock(state.files, tools, { exclusive: true, retryLockMs: 60 * MINUTE });
    assert.equal(done.length % 2, 0);
    done.push(pid);
    await macrotask();
    done.push(pid);
    await lock.release();
  };
  const both = Promise.all([work(1), work(2)]);
  let over = false;
  void both.then(() => over = true);
  for (let i = 0; i < 600 && !over; i++) await state.clock.advance(1000);
  await both;
  assert.equal(done[0], done[1]);
  assert.equal(done[2], done[3]);
  assert.notEqual(done[0], done[2]);
});
