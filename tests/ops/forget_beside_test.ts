/** Removals of named backups beside others at work: which lock they take, and what is left whatever comes in between. */
import assert from "node:assert/strict";
import { type AgentError, LockedError, StoreError, UsageError } from "../../src/base/errors.ts";
import { check } from "../../src/ops/check.ts";
import { listChain } from "../../src/ops/list.ts";
import { put } from "../../src/ops/put.ts";
import { forget, type ForgetOptions, type RetentionRequest } from "../../src/ops/forget.ts";
import { acquireLock } from "../../src/repository/lock/held_lock.ts";
import { DEFAULT_PRUNE_LIMITS } from "../../src/maintain/prune/prune_plan.ts";
import { type Fault, withFaults } from "../helpers/fault_store.ts";
import type { BlobStore } from "../../src/store/store.ts";
import {
  accessTo,
  BytesSource,
  copyOf,
  type FakeWorld,
  fakeWorld,
  getBytes,
  IDENTITY,
  macrotask,
  memoryRepository,
  namesOf,
  noise,
  putBytes,
  putRequest,
} from "../helpers/world.ts";
import { day, named, repositoryWith, saveBackup, type SavedShape } from "./forget_fixture.ts";

const DAY_MS = 86_400_000;
const RETRY_MS = 600_000;

/** A repository among whose processes all are alive; gives selectors of its backups by name. */
async function repositoryBeside(shapes: Readonly<Record<string, SavedShape>>) {
  const world = processOf(fakeWorld("forget beside"), IDENTITY.pid);
  const { ids, ...made } = await repositoryWith(shapes, { world });
  const selectors = Object.fromEntries(Object.entries(ids).map(([name, id]) => [name, `@${id}`]));
  return { ...made, ids: selectors };
}

/** A process of the same machine; all others are alive. */
function processOf(world: FakeWorld, pid: number): FakeWorld {
  return { ...world, identity: { ...IDENTITY, pid }, processExists: () => true };
}

/** Lets time go on until all of it is over, as where many wait for each other's locks. */
async function settled(world: FakeWorld, work: readonly Promise<unknown>[]): Promise<(string | null)[]> {
  let isOver = false;
  const outcomes = Promise.allSettled(work).finally(() => isOver = true);
  while (!isOver) await world.clock.advance(1000);
  return (await outcomes).map((outcome) =>
    outcome.status === "fulfilled" ? null : (outcome.reason as AgentError).code ?? String(outcome.reason)
  );
}

Deno.test("a named backup goes beside who reads or writes, unless it is the newest good one of its series", async () => {
  const shapes = { a: day(1), b: day(2), c: day(3), incomplete: { ...day(4), complete: false } };
  const { access, repository, world, ids, left } = await repositoryBeside({
    ...shapes,
    d: { ...day(1), series: "dev" },
    e: { ...day(1), host: "db2" },
  });
  const other = await acquireLock(repository.files, processOf(world, 2), { exclusive: false });
  const held = await other.confirmed;
  const refused = async (request: RetentionRequest, options: Partial<ForgetOptions> = { allowLast: true }) =>
    await assert.rejects(forget(access, request, { world, ...options }), LockedError);
  for (const last of ["c", "d", "e"]) await refused(named(ids[last]!));
  await refused(named("prod/shop@2026-01-03"));
  await refused(named(ids["a"]!, ids["c"]!), {});
  await refused(named(ids["a"]!), { prune: { limits: DEFAULT_PRUNE_LIMITS } });
  await refused({ kind: "policy", rules: { counts: { last: 2 } }, filter: {} });
  assert.equal((await left()).length, 6);
  await forget(access, named(ids["a"]!), { world });
  await forget(access, named("prod/shop@2026-01-02"), { world });
  await forget(access, named(ids["incomplete"]!), { world });
  assert.deepEqual(await left(), ["c", "d", "e"]);
  await assert.rejects(
    forget(access, named(ids["c"]!), { world }),
    UsageError,
    "the last good one, which is known at once",
  );
  await held.confirmHeld();
  await other.release();
  await forget(access, named(ids["c"]!), { world, allowLast: true });
  assert.deepEqual(await left(), ["d", "e"]);
  assert.deepEqual(await namesOf(repository.store, "lock"), []);
});

Deno.test("who holds the repository alone keeps every removal out", async () => {
  const { access, repository, world, ids, left } = await repositoryBeside({ a: day(1), b: day(2) });
  const lock = await acquireLock(repository.files, processOf(world, 2), { exclusive: true });
  await lock.confirmed;
  await assert.rejects(forget(access, named(ids["a"]!), { world }), LockedError);
  assert.deepEqual(await left(), ["a", "b"]);
  await lock.release();
});

Deno.test("five removals of five different backups at once leave one, whoever comes first", async () => {
  for (const first of [0, 1, 2, 3, 4]) {
    const { store, world, ids, left } = await repositoryBeside({
      a: day(1),
      b: day(2),
      c: day(3),
      d: day(4),
      e: day(5),
    });
    const selectors = Object.values(ids);
    const order = selectors.map((_, i) => selectors[(i + first) % selectors.length]!);
    // Every call takes a turn, so that all of them do everything at once.
    const slow = withFaults(store, () => before(macrotask));
    const access = { ...accessTo(slow), retryLockMs: RETRY_MS };
    const removals = order.map((selector, i) => forget(access, named(selector), { world: processOf(world, 100 + i) }));
    const outcomes = await settled(world, removals);
    const refused = outcomes.filter((code) => code !== null);
    assert.deepEqual(refused, ["usage"], `${outcomes}: one is told that it would remove the last good backup`);
    const names = await left();
    assert.equal(names.length, 1, names.join());
    assert.equal(ids[names[0]!], order[outcomes.indexOf("usage")]);
    assert.deepEqual(await namesOf(store, "lock"), []);
  }
});

Deno.test("five removals at once without the newest remove all five, and none has to wait", async () => {
  const { store, world, ids, left } = await repositoryBeside({
    a: day(1),
    b: day(2),
    c: day(3),
    d: day(4),
    e: day(5),
    newest: day(6),
  });
  const going = Object.values(ids).slice(0, 5);
  const slow = accessTo(withFaults(store, () => before(macrotask)));
  await Promise.all(going.map((selector, i) => forget(slow, named(selector), { world: processOf(world, 100 + i) })));
  assert.deepEqual(await left(), ["newest"]);
});

/** No fault: something happens before the call is made. */
function before(happening: () => Promise<unknown>): Fault {
  const clock = { now: () => new Date(0), monotonicMs: () => 0, sleep: async () => void await happening() };
  return { type: "delay", delayMs: 0, clock };
}

/** What was thrown, by its code; null where nothing was. */
async function codeOf(work: Promise<unknown>): Promise<string | null> {
  try {
    await work;
    return null;
  } catch (error) {
    return (error as AgentError).code ?? String(error);
  }
}

const PAIRS: readonly (readonly [one: string, other: string])[] = [["b", "a"], ["a", "b"], ["b", "b"], ["a", "a"]];
for (const [mine, theirs] of PAIRS) {
  Deno.test(`of a and b one stays, at whatever moment of a removal of ${mine} another one removes ${theirs}`, async () => {
    const full = await repositoryBeside({ a: day(1), b: day(2) });
    const outcomes = new Set<string>();
    for (let number = 1;; number++) {
      const inner = await copyOf(full.store);
      let their: string | null | undefined;
      const between = async () => {
        their = await codeOf(forget(accessTo(inner), named(full.ids[theirs]!), { world: processOf(full.world, 2) }));
      };
      const store = withFaults(inner, (call) => call.number === number ? before(between) : undefined);
      const mineOver = await codeOf(
        forget(accessTo(store), named(full.ids[mine]!), { world: processOf(full.world, 1) }),
      );
      if (their === undefined) break;
      const label = `${mineOver} and ${their} at call ${number}`;
      const left = await full.left(inner);
      assert.ok(left.length >= 1, label);
      for (const code of [mineOver, their]) assert.ok([null, "locked", "usage"].includes(code), label);
      assert.equal(left.includes(mine), mineOver !== null && (mine !== theirs || their !== null), label);
      assert.deepEqual(await namesOf(inner, "lock"), [], label);
      outcomes.add(`${mineOver} ${their}`);
    }
    assert.ok(outcomes.size > 1, `the moments are too much alike: ${[...outcomes].join(", ")}`);
  });
}

Deno.test("latest is what was the latest at first: a backup that comes while the lock is waited for stays", async () => {
  const { store, repository, world, left } = await repositoryBeside({ a: day(1), b: day(2) });
  const put = await acquireLock(repository.files, processOf(world, 2), { exclusive: false });
  await put.confirmed;
  const waits = Promise.withResolvers<void>();
  const waiting = { ...processOf(world, 1), onWait: () => waits.resolve() };
  const access = { ...accessTo(store), retryLockMs: RETRY_MS };
  const removal = forget(access, named("prod/shop@latest"), { world: waiting });
  await settled(world, [Promise.race([waits.promise, removal])]);
  const { snapshotId } = await saveBackup(repository, "c", day(3));
  await put.release();
  assert.deepEqual(await settled(world, [removal]), [null]);
  assert.deepEqual(await left(), ["a"], "b was the latest");
  assert.ok((await namesOf(store, "snapshot")).includes(snapshotId));
});

Deno.test("a snapshot that goes away between listing and reading is no contradiction beside others", async () => {
  const { store, world, ids, left } = await repositoryBeside({ a: day(1), b: day(2), c: day(3) });
  const going = { kind: "snapshot", name: ids["b"]!.slice(1) } as const;
  const vanishing = withFaults(store, ({ method, file }) => {
    return method === "get" && file?.name === going.name ? before(() => store.remove(going)) : undefined;
  });
  await forget(accessTo(vanishing), named(ids["a"]!), { world });
  assert.deepEqual(await left(), ["c"]);
});

Deno.test("where the store stops listing the backup that is to stay, nothing is removed", async () => {
  const { store, world, ids, left } = await repositoryBeside({ a: day(1), b: day(2) });
  let lists = 0;
  const forgetful = new Proxy(store, {
    get(target, property) {
      const value = Reflect.get(target, property);
      if (property !== "list") return typeof value === "function" ? value.bind(target) : value;
      return async function* (kind: Parameters<BlobStore["list"]>[0]) {
        const omits = kind === "snapshot" && ++lists > 1;
        for await (const file of target.list(kind)) if (!omits || `@${file.name}` !== ids["b"]) yield file;
      };
    },
  });
  const removal = forget(accessTo(forgetful), named(ids["a"]!), { world });
  await settled(world, [removal]);
  await assert.rejects(removal, (error) => error instanceof StoreError && /nothing was removed/.test(error.message));
  assert.deepEqual(await left(), ["a", "b"]);
});

Deno.test("a put goes on whose parent is removed: its backup is whole, and restores without that", async () => {
  const world = fakeWorld("put beside");
  const { access } = await memoryRepository(world);
  const streams = [0, 1, 2].map((night) => noise(60_000 + 5000 * night, "nights"));
  const nights = streams.map((_, night) => new Date(world.clock.now().getTime() + (night - 5) * DAY_MS));
  const first = await putBytes(access, world, streams[0]!, { time: nights[0]! });
  const parent = await putBytes(access, world, streams[1]!, { time: nights[1]! });
  const source = Object.assign(new BytesSource(streams[2]!), {
    ended: async () => {
      await putBytes(access, processOf(world, 3), noise(1000, "later"), { time: new Date(nights[2]!.getTime() + 1) });
      await forget(access, named(`@${parent.backup.id}`), { world: processOf(world, 2) });
    },
  });
  const { backup, manifest } = await put(access, putRequest(source, { time: nights[2]! }), { world });
  assert.deepEqual([manifest.parent, manifest.level], [parent.backup.id, 2]);
  assert.deepEqual(await getBytes(access, world, `@${backup.id}`), streams[2]);
  const options = { signal: new AbortController().signal, noLock: false, readData: true };
  assert.deepEqual((await check(access, options, { world, ...options })).errors, []);
  const chain = await listChain(access, { selector: `@${backup.id}` }, { world });
  assert.deepEqual(chain.map((member) => member.backup?.id ?? "gone"), [first.backup.id, "gone", backup.id]);
});
