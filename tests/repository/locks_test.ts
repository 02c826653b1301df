/** Locks: who excludes whom, what is stale, and what holding one means over time. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { IntegrityError, InterruptedError, LockedError, StoreFullError } from "../../src/base/errors.ts";
import { createSealer } from "../../src/crypto/seal.ts";
import { acquireLock, type HeldLock, listLocks, type LockTools, removeLocks } from "../../src/repository/locks.ts";
import { SealedFiles } from "../../src/repository/sealed_files.ts";
import { type FaultPlan, withFaults } from "../../src/store/fault.ts";
import { openMemoryStore } from "../../src/store/memory.ts";
import type { BlobStore } from "../../src/store/store.ts";
import { FakeClock, IDENTITY, macrotask, namesOf, noise, seededRandom } from "../helpers/world.ts";

const MINUTE = 60_000;
const sealer = createSealer(
  { encrypt: noise(32, "e"), macK: noise(16, "k"), macR: noise(16, "r") },
  seededRandom("locks"),
);

interface Scene {
  readonly clock: FakeClock;
  readonly store: BlobStore;
  readonly files: SealedFiles;
  readonly tools: LockTools;
}

interface SceneOptions {
  readonly alive?: readonly number[];
  readonly plan?: FaultPlan;
}

function scene({ alive = [IDENTITY.pid], plan = () => undefined }: SceneOptions = {}): Scene {
  const clock = new FakeClock();
  const store = openMemoryStore();
  const tools = {
    clock,
    identity: IDENTITY,
    processExists: (pid: number) => alive.includes(pid),
    randomBytes: seededRandom("pauses"),
  };
  return { clock, store, files: new SealedFiles(withFaults(store, plan), sealer, 2), tools };
}

function otherTools({ tools }: Scene, identity: Partial<LockTools["identity"]>): LockTools {
  return { ...tools, identity: { ...IDENTITY, ...identity } };
}

/** A lock as restic would have written it, `ageMs` ago. */
async function foreignLock(
  { files, clock }: Scene,
  { ageMs = 0, hostname = "other", pid = 99, exclusive = false }: {
    ageMs?: number;
    hostname?: string;
    pid?: number;
    exclusive?: boolean;
  } = {},
): Promise<void> {
  const time = new Date(clock.now().getTime() - ageMs).toISOString().replace("Z", "456+00:00");
  const json = { time, exclusive, hostname, username: "root", pid, unknown: 1 };
  await files.save("lock", new TextEncoder().encode(JSON.stringify(json)));
}

async function released(...locks: HeldLock[]): Promise<void> {
  for (const lock of locks) await lock.release();
}

for (const [first, second] of [[false, false], [false, true], [true, false], [true, true]] as const) {
  const name = (exclusive: boolean) => exclusive ? "an exclusive lock" : "a shared lock";
  const allowed = !first && !second;
  Deno.test(`${name(first)} ${allowed ? "lets in" : "excludes"} ${name(second)}`, async () => {
    const { files, tools, store } = scene();
    const held = await acquireLock(files, tools, { exclusive: first });
    await held.confirmed;
    if (allowed) await released(await acquireLock(files, tools, { exclusive: second }));
    else await assert.rejects(acquireLock(files, tools, { exclusive: second }), LockedError);
    assert.equal((await namesOf(store, "lock")).length, 1);
    await held.release();
    assert.deepEqual(await namesOf(store, "lock"), []);
    await released(await acquireLock(files, tools, { exclusive: second }));
  });
}

Deno.test("the message names process, user, host and age of the other lock, and says what to do", async () => {
  const state = scene();
  await foreignLock(state, { ageMs: 3 * MINUTE + 20_000, exclusive: true });
  await assert.rejects(acquireLock(state.files, state.tools, { exclusive: false }), (error) => {
    assert.ok(error instanceof LockedError);
    assert.match(
      error.message,
      /exclusively by process 99 of root on other, last refreshed 3 min 20 s ago; wait for it/,
    );
    return true;
  });
});

Deno.test("a lock of restic's is read, with missing and unknown fields", async () => {
  const state = scene();
  await state.files.save("lock", new TextEncoder().encode('{"time":"2026-01-02T05:04:05.123456789+02:00","x":[]}'));
  const [found] = await listLocks(state.files, state.tools);
  assert.deepEqual({ pid: found!.lock.pid, exclusive: found!.lock.exclusive, stale: found!.stale }, {
    pid: 0,
    exclusive: false,
    stale: null,
  });
  await assert.rejects(acquireLock(state.files, state.tools, { exclusive: true }), /on an unnamed host/);
});

Deno.test("what is written says who holds it, as restic reads it", async () => {
  const { files, tools, store } = scene();
  const held = await acquireLock(files, tools, { exclusive: true });
  const [name] = await namesOf(store, "lock");
  const json = JSON.parse(new TextDecoder().decode(await files.load("lock", name as never)));
  assert.deepEqual(json, { time: "2026-01-02T03:04:05Z", exclusive: true, ...IDENTITY });
  await held.release();
});

Deno.test("the lock of a dead process of this host is removed without asking, others' are not", async () => {
  const state = scene({ alive: [IDENTITY.pid, 50] });
  await foreignLock(state, { hostname: IDENTITY.hostname, pid: 49, exclusive: true });
  await released(await acquireLock(state.files, state.tools, { exclusive: true }));
  assert.deepEqual(await namesOf(state.store, "lock"), []);

  await foreignLock(state, { hostname: IDENTITY.hostname, pid: 50, exclusive: true });
  await assert.rejects(acquireLock(state.files, state.tools, { exclusive: false }), LockedError);
  await removeLocks(state.files, state.tools, { all: true });
  await foreignLock(state, { pid: 49, exclusive: true });
  await assert.rejects(acquireLock(state.files, state.tools, { exclusive: false }), LockedError);
});

Deno.test("a lock that is stale by age still excludes, and the message says how to remove it", async () => {
  const state = scene();
  await foreignLock(state, { ageMs: 31 * MINUTE, exclusive: true });
  await assert.rejects(
    acquireLock(state.files, state.tools, { exclusive: false }),
    /not refreshed for 30 minutes.*agent unlock/,
  );
  assert.equal((await namesOf(state.store, "lock")).length, 1);
});

Deno.test("unlock removes what is stale, or everything", async () => {
  const state = scene();
  await foreignLock(state, { ageMs: 31 * MINUTE });
  await foreignLock(state, { ageMs: 29 * MINUTE });
  await foreignLock(state, { hostname: IDENTITY.hostname, pid: 49 });
  const stale = await removeLocks(state.files, state.tools, { all: false });
  assert.deepEqual(
    new Set(stale.map((lock) => lock.stale)),
    new Set(["its process is gone", "it was not refreshed for 30 minutes"]),
  );
  assert.equal((await namesOf(state.store, "lock")).length, 1);
  assert.deepEqual((await removeLocks(state.files, state.tools, { all: true })).map((lock) => lock.stale), [null]);
  assert.deepEqual(await namesOf(state.store, "lock"), []);
});

Deno.test("a lock that cannot be read excludes everybody and can only be removed with all others", async () => {
  const state = scene();
  await foreignLock(state);
  const name = noise(32, "name").toHex();
  await state.store.put({ kind: "lock", name }, [noise(100, "junk")]);
  const advised = (error: unknown) => error instanceof IntegrityError && /unlock --remove-all/.test(error.message);
  await assert.rejects(acquireLock(state.files, state.tools, { exclusive: false }), advised);
  await assert.rejects(removeLocks(state.files, state.tools, { all: false }), advised);
  const removed = await removeLocks(state.files, state.tools, { all: true });
  assert.equal(removed.find(({ id }) => id === name)?.stale, "it cannot be read");
  assert.deepEqual(await namesOf(state.store, "lock"), []);
});

Deno.test("an empty lock file and one that vanishes while it is read exclude nobody", async () => {
  const state = scene();
  await state.store.put({ kind: "lock", name: noise(32, "empty").toHex() }, []);
  await released(await acquireLock(state.files, state.tools, { exclusive: true }));
  const [name] = await namesOf(state.store, "lock");
  const vanishing = scene({
    plan: ({ method }) => {
      if (method === "get") vanishing.store.remove({ kind: "lock", name: name! });
      return undefined;
    },
  });
  await vanishing.store.put({ kind: "lock", name: name! }, [noise(100, "gone")]);
  await released(await acquireLock(vanishing.files, vanishing.tools, { exclusive: true }));
});

Deno.test("a refresh writes the new file before the old one goes, every five minutes", async () => {
  const order: string[] = [];
  const { files, tools, store, clock } = scene({
    plan({ method, file }) {
      if (method === "put" || method === "remove") order.push(`${method} ${file!.name}`);
      return undefined;
    },
  });
  const held = await acquireLock(files, tools, { exclusive: false });
  await held.confirmed;
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
  await held.release();
  assert.deepEqual(await namesOf(store, "lock"), []);
});

Deno.test("a lock is held as long as it is refreshed", async () => {
  const { files, tools, clock } = scene();
  const held = await acquireLock(files, tools, { exclusive: false });
  for (let i = 0; i < 30; i++) {
    await clock.advance(4 * MINUTE);
    held.assertHeld();
  }
  await held.release();
});

Deno.test("a lock that cannot be refreshed holds for 22.5 minutes, then it is lost for good", async () => {
  let failing = false;
  const { files, tools, clock } = scene({
    plan: ({ method }) => failing && method === "put" ? { type: "fail", error: new StoreFullError("full") } : undefined,
  });
  const held = await acquireLock(files, tools, { exclusive: false });
  await held.confirmed;
  failing = true;
  await clock.advance(22 * MINUTE);
  held.assertHeld();
  await clock.advance(MINUTE);
  const isLost = (error: unknown) => error instanceof LockedError && error.cause instanceof StoreFullError;
  assert.throws(() => held.assertHeld(), isLost);
  failing = false;
  await clock.advance(20 * MINUTE);
  assert.throws(() => held.assertHeld(), LockedError);
  await held.release();
});

Deno.test("after a standby the lock is lost, though it could be written again", async () => {
  const { files, tools, clock } = scene();
  const held = await acquireLock(files, tools, { exclusive: false });
  await held.confirmed;
  clock.jump(60 * MINUTE);
  await clock.advance(MINUTE);
  assert.throws(() => held.assertHeld(), LockedError);
  await held.release();
});

Deno.test("a refresh that failed once is made up for at the next turn", async () => {
  let failures = 1;
  const { files, tools, clock, store } = scene({
    plan: ({ method, number }) =>
      number > 5 && method === "put" && failures-- > 0
        ? { type: "fail", error: new StoreFullError("full") }
        : undefined,
  });
  const held = await acquireLock(files, tools, { exclusive: false });
  await held.confirmed;
  await clock.advance(11 * MINUTE);
  assert.ok(failures <= 0);
  await clock.advance(20 * MINUTE);
  held.assertHeld();
  assert.equal((await namesOf(store, "lock")).length, 1);
  await held.release();
});

Deno.test("an old file that could not be removed at a refresh goes at the next one or at the release", async () => {
  let failing = false;
  const { files, tools, clock, store } = scene({
    plan: ({ method }) =>
      failing && method === "remove" ? { type: "fail", error: new StoreFullError("no") } : undefined,
  });
  const held = await acquireLock(files, tools, { exclusive: true });
  await held.confirmed;
  failing = true;
  await clock.advance(6 * MINUTE);
  assert.equal((await namesOf(store, "lock")).length, 2);
  failing = false;
  await held.release();
  assert.deepEqual(await namesOf(store, "lock"), []);
});

Deno.test("release is idempotent, waits for what is under way, and ends all timers", async () => {
  const { files, tools, store } = scene();
  const held = await acquireLock(files, tools, { exclusive: false });
  await Promise.all([held.release(), held.release()]);
  assert.deepEqual(await namesOf(store, "lock"), []);
  await held.release();
  await assert.rejects(held.confirmed);
});

Deno.test("releasing at the moment of a refresh leaves no file behind", async () => {
  for (let turns = 0; turns < 12; turns++) {
    const { files, tools, store, clock } = scene();
    const held = await acquireLock(files, tools, { exclusive: false });
    await held.confirmed;
    const advancing = clock.advance(5 * MINUTE);
    await macrotask();
    for (let i = 0; i < turns; i++) await Promise.resolve();
    await held.release();
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
      const files = new SealedFiles(scheduled(state.store, scheduler), sealer, 2);
      let going = 0;
      const tryOnce = async (pid: number, exclusive: boolean) => {
        let lock: HeldLock | undefined;
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

Deno.test("whoever may wait for a lock tries again, with pauses that double up to a minute", async () => {
  const state = scene({ alive: [IDENTITY.pid, 50] });
  const held = await acquireLock(state.files, otherTools(state, { pid: 50 }), { exclusive: true });
  await held.confirmed;
  state.clock.sleeps.length = 0;
  let lock: HeldLock | undefined;
  const waiting = acquireLock(state.files, state.tools, { exclusive: false, retryLockMs: 10 * MINUTE })
    .then((got) => lock = got);
  for (let i = 0; i < 20; i++) await state.clock.advance(10_000);
  assert.equal(lock, undefined);
  const pauses = state.clock.sleeps.filter((ms) => ms !== 5 * MINUTE);
  for (const [i, pause] of pauses.entries()) {
    const usual = Math.min(2 ** i * 1000, MINUTE);
    assert.ok(pause <= usual && pause >= usual * 0.75, `pause ${i} takes ${pause} ms`);
  }
  assert.ok(pauses.length >= 7);
  assert.ok(
    new Set(pauses.map((pause, i) => pause / Math.min(2 ** i * 1000, MINUTE))).size > 4,
    "all by the same share",
  );
  await held.release();
  await state.clock.advance(MINUTE);
  await waiting;
  await lock!.confirmed;
  lock!.assertHeld();
  await lock!.release();
});

Deno.test("waiting for a lock ends when its time is over, after one last try", async () => {
  const state = scene({ alive: [IDENTITY.pid, 50] });
  const held = await acquireLock(state.files, otherTools(state, { pid: 50 }), { exclusive: true });
  await held.confirmed;
  const start = state.clock.monotonicMs();
  const waiting = assert.rejects(
    acquireLock(state.files, state.tools, { exclusive: false, retryLockMs: 5000 }),
    LockedError,
  );
  await state.clock.advance(6000);
  await waiting;
  assert.ok(state.clock.monotonicMs() - start >= 5000);
  await held.release();
});

Deno.test("waiting for a lock ends when the signal says so", async () => {
  const state = scene({ alive: [IDENTITY.pid, 50] });
  const held = await acquireLock(state.files, otherTools(state, { pid: 50 }), { exclusive: true });
  await held.confirmed;
  const abort = new AbortController();
  const options = { exclusive: false, retryLockMs: 10 * MINUTE, signal: abort.signal };
  const waiting = assert.rejects(acquireLock(state.files, state.tools, options), InterruptedError);
  await state.clock.advance(3000);
  abort.abort(new InterruptedError());
  await waiting;
  await held.release();
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
