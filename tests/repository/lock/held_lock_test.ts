/** Locks: who gets one, when it is confirmed, and how it is released. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { InterruptedError, LockedError } from "../../../src/base/errors.ts";
import { acquireLock, type PendingLock } from "../../../src/repository/lock/held_lock.ts";
import { SealedFileWriter } from "../../../src/repository/sealed_files.ts";
import type { BlobStore } from "../../../src/store/store.ts";
import { IDENTITY, macrotask, namesOf } from "../../helpers/world.ts";
import { MINUTE, otherTools, released, removeAll, type Scene, scene, sealer } from "../lock_scene.ts";

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
