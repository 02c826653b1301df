/** Locks that are waited for: how often one tries, and what ends the wait. */
import assert from "node:assert/strict";
import { InterruptedError, LockedError, StoreFullError } from "../../../src/base/errors.ts";
import { acquireLock, type PendingLock } from "../../../src/repository/lock/held_lock.ts";
import { IDENTITY, macrotask, namesOf, seededRandom } from "../../helpers/world.ts";
import { MINUTE, otherTools, scene } from "../lock_scene.ts";

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
