/** The locks of a repository: which there are, whom they exclude, and which are stale. */
import assert from "node:assert/strict";
import { IntegrityError, LockedError, NotFoundError } from "../../../src/base/errors.ts";
import { acquireLock } from "../../../src/repository/lock/held_lock.ts";
import { listLocks, removeLocks } from "../../../src/repository/lock/locks.ts";
import { type Fault, firstOf } from "../../helpers/fault_store.ts";
import { IDENTITY, namesOf, noise } from "../../helpers/world.ts";
import { foreignLock, MINUTE, otherTools, released, scene } from "../lock_scene.ts";

const MISSING: Fault = { type: "fail", error: new NotFoundError("on purpose") };

Deno.test("the message names process, user, host and age of the other lock, and says what to do", async () => {
  const state = scene();
  await foreignLock(state, { ageMs: 3 * MINUTE + 20_000, exclusive: true });
  await assert.rejects(acquireLock(state.files, state.tools, { exclusive: false }), (error) => {
    assert.ok(error instanceof LockedError);
    assert.match(
      error.message,
      /exclusively by process 99 of root on other, last refreshed 3 min 20 s ago; wait for it, as with --retry-lock 10m/,
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
  const { process: { table, started } = {}, ...known } = IDENTITY;
  const agent = { processTable: table, processStarted: started };
  assert.deepEqual(json, { time: "2026-01-02T03:04:05Z", exclusive: true, ...known, agent });
  await held.release();
});

/** What a lock of this host's process 49 has in it, which is gone. */
const GONE = { hostname: IDENTITY.hostname, pid: 49, agent: { processTable: "db1", processStarted: 1 } };

Deno.test("the lock of a process that is known to be gone is removed without asking", async () => {
  const state = scene();
  await foreignLock(state, { ...GONE, exclusive: true });
  await released(await acquireLock(state.files, state.tools, { exclusive: true }));
  assert.deepEqual(await namesOf(state.store, "lock"), []);
});

Deno.test("another process under the number of the one that is gone does not keep its lock", async () => {
  const state = scene({ alive: [49] });
  await foreignLock(state, { ...GONE, agent: { processTable: "db1", processStarted: 0 }, exclusive: true });
  await released(await acquireLock(state.files, state.tools, { exclusive: true }));
  await foreignLock(state, { ...GONE, exclusive: true });
  await assert.rejects(
    acquireLock(state.files, state.tools, { exclusive: true }),
    /wait for it, as with --retry-lock 10m$/,
  );
});

for (
  const [name, fields] of [
    ["on another host", { ...GONE, hostname: "other" }],
    ["in another container of that name", { ...GONE, agent: { processTable: "sibling", processStarted: 1 } }],
    ["without a number", { ...GONE, pid: 0 }],
    ["whose number is that of a group", { ...GONE, pid: -49 }],
    ["whose number is no system's", { ...GONE, pid: 2 ** 40 }],
  ] as const
) {
  Deno.test(`the lock of a process ${name} is never removed without asking`, async () => {
    const state = scene();
    await foreignLock(state, { ...fields, ageMs: 40 * MINUTE, exclusive: true });
    await assert.rejects(acquireLock(state.files, state.tools, { exclusive: false }), LockedError);
    assert.equal((await namesOf(state.store, "lock")).length, 1);
  });
}

Deno.test("a lock that names no table of processes is judged as restic does: stale, and left to unlock", async () => {
  const state = scene({ alive: [50] });
  await foreignLock(state, { ...GONE, agent: undefined, exclusive: true });
  await assert.rejects(
    acquireLock(state.files, state.tools, { exclusive: false }),
    /its process seems to be gone: if it really is over, run "agent unlock"$/,
  );
  await foreignLock(state, { ...GONE, pid: 50, agent: undefined });
  const removed = await removeLocks(state.files, state.tools, { all: false });
  assert.deepEqual(removed.map(({ stale }) => stale), ["its process seems to be gone"]);
  assert.equal((await namesOf(state.store, "lock")).length, 1, "the process of the other one is alive");
});

Deno.test("of a process in another container or before a restart only the age tells", async () => {
  const state = scene();
  const elsewhere = { ...GONE, agent: { processTable: "before the restart", processStarted: 1 }, exclusive: true };
  await foreignLock(state, { ...elsewhere, ageMs: 29 * MINUTE });
  await assert.rejects(
    acquireLock(state.files, state.tools, { exclusive: false }),
    /wait for it, as with --retry-lock 10m; if it was left by a stopped machine or container, run "agent unlock" 30 minutes after its last refresh$/,
  );
  assert.deepEqual(await removeLocks(state.files, state.tools, { all: false }), []);
  state.clock.jump(2 * MINUTE);
  const removed = await removeLocks(state.files, state.tools, { all: false });
  assert.deepEqual(removed.map(({ stale }) => stale), ["it was not refreshed for 30 minutes"]);
});

Deno.test("a lock of restic's whose process seems to be gone goes without asking only when nobody refreshed it", async () => {
  const state = scene({ alive: [50] });
  const taken = () => acquireLock(state.files, state.tools, { exclusive: true });
  await foreignLock(state, { ...GONE, agent: undefined, ageMs: 29 * MINUTE });
  await assert.rejects(taken(), LockedError);
  state.clock.jump(2 * MINUTE);
  await released(await taken());
  for (const other of [{ ...GONE, pid: 50 }, { ...GONE, hostname: "other" }, { ...GONE, pid: 0 }]) {
    await foreignLock(state, { ...other, agent: undefined, ageMs: 40 * MINUTE });
    await assert.rejects(taken(), LockedError);
    await removeLocks(state.files, state.tools, { all: true });
  }
});

Deno.test("what a restart of this machine left goes without asking after 30 minutes, what a clone elsewhere may hold does not", async () => {
  const left = (machine?: string) => ({ ...GONE, agent: { processTable: "before", processStarted: 1, machine } });
  const state = scene();
  const tools = otherTools(state, { process: { table: "db1", started: 1, machine: "m" } });
  const taken = () => acquireLock(state.files, tools, { exclusive: true });
  await foreignLock(state, { ...left("m"), ageMs: 29 * MINUTE });
  await assert.rejects(taken(), LockedError);
  state.clock.jump(2 * MINUTE);
  await released(await taken());
  for (const other of [left("another"), left(), { ...left("m"), hostname: "other" }]) {
    await foreignLock(state, { ...other, ageMs: 40 * MINUTE });
    await assert.rejects(taken(), LockedError);
    await removeLocks(state.files, tools, { all: true });
  }
});

Deno.test("what cannot be a number of a process is not asked after", async () => {
  const asked: number[] = [];
  const state = scene();
  const tools = { ...state.tools, processExists: (pid: number) => asked.push(pid) > 0 };
  for (const pid of [0, -1, -(2 ** 31), 2 ** 31, Number.MAX_SAFE_INTEGER]) {
    await foreignLock(state, { ...GONE, pid });
    await foreignLock(state, { ...GONE, pid, agent: undefined });
  }
  assert.ok((await listLocks(state.files, tools)).every(({ stale }) => stale === null));
  assert.deepEqual(asked, []);
});

Deno.test("a lock from the future still excludes, and the message says that a clock is wrong", async () => {
  const state = scene();
  await foreignLock(state, { ageMs: -49 * 60 * MINUTE, exclusive: true });
  await assert.rejects(
    acquireLock(state.files, state.tools, { exclusive: false }),
    /last refreshed 2 d 1 h ahead of this clock; a clock is wrong: .* "agent unlock --remove-all"$/,
  );
  await removeLocks(state.files, state.tools, { all: true });
  await foreignLock(state, { ageMs: -1000, exclusive: true });
  await assert.rejects(
    acquireLock(state.files, state.tools, { exclusive: false }),
    /refreshed 0.0 s ago; wait for it, as with --retry-lock 10m$/,
  );
});

Deno.test("names of any length fit into the message", async () => {
  const state = scene();
  await foreignLock(state, { hostname: "h".repeat(100_000), username: "u".repeat(100_000), exclusive: true });
  await assert.rejects(acquireLock(state.files, state.tools, { exclusive: false }), ({ message }: Error) => {
    assert.ok(message.length < 400);
    return true;
  });
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
  await foreignLock(state, GONE);
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

Deno.test("a lock that is refreshed while others look for it is found under its new name", async () => {
  let refreshing = true;
  const state = scene({
    plan({ method, file }) {
      if (method !== "get" || !refreshing) return undefined;
      refreshing = false;
      void state.store.remove(file!);
      void state.store.put({ kind: "lock", name: next }, [content]);
      return undefined;
    },
  });
  await foreignLock(state, { exclusive: true, pid: 98 });
  const [next] = await namesOf(state.store, "lock") as [string];
  const content = await state.store.get({ kind: "lock", name: next });
  await state.store.remove({ kind: "lock", name: next });
  await foreignLock(state, { exclusive: true });
  await assert.rejects(acquireLock(state.files, state.tools, { exclusive: false }), /process 98/);
});

Deno.test("a lock that the store wrongly does not find once is found all the same, at every look", async () => {
  for (const exclusive of [true, false]) {
    const state = scene({ plan: firstOf(({ method, kind }) => method === "get" && kind === "lock", MISSING, 1) });
    await foreignLock(state, { exclusive: true });
    await assert.rejects(acquireLock(state.files, state.tools, { exclusive }), /exclusively by process 99/);
  }
});

Deno.test("a lock that is listed and never found excludes everybody, until all are removed", async () => {
  const ghosts: string[] = [];
  const state = scene({
    plan: ({ method, file }) => method === "get" && ghosts.includes(file!.name) ? MISSING : undefined,
  });
  await foreignLock(state);
  ghosts.push(...await namesOf(state.store, "lock"));
  const fails = async (attempt: Promise<unknown>) => {
    const refused = assert.rejects(attempt, (error) => {
      return error instanceof LockedError && /lists lock [0-9a-f]{64} and does not find it/.test(error.message);
    });
    for (let i = 0; i < 10; i++) await state.clock.advance(1000);
    await refused;
  };
  await fails(acquireLock(state.files, state.tools, { exclusive: false }));
  await fails(listLocks(state.files, state.tools));
  await foreignLock(state, { ageMs: 60 * MINUTE, pid: 98 });
  await fails(removeLocks(state.files, state.tools, { all: false }));
  assert.deepEqual(await namesOf(state.store, "lock"), ghosts, "the stale one is removed all the same");
  const removing = removeLocks(state.files, state.tools, { all: true });
  for (let i = 0; i < 10; i++) await state.clock.advance(1000);
  assert.deepEqual((await removing).map(({ stale }) => stale), ["it cannot be read"]);
  await released(await acquireLock(state.files, state.tools, { exclusive: true }));
});

Deno.test("however often one looks, every lock is read once, and one's own not at all", async () => {
  const state = scene();
  for (let pid = 1; pid <= 20; pid++) await foreignLock(state, { pid });
  const held = await acquireLock(state.files, state.tools, { exclusive: false });
  await held.confirmed;
  const count = (wanted: string) => state.faulty.calls.filter(({ method }) => method === wanted).length;
  assert.deepEqual([count("list"), count("get")], [2, 20]);
  await held.release();
});
