/** The storage interface at its moments of transition: stopped or closed at any of them, it leaves nothing behind. */
import assert from "node:assert/strict";
import { type AgentError, InterruptedError, StoreFullError, TemporaryError } from "../../src/base/errors.ts";
import { type BackupHandle, type BackupStorage, openStorage } from "../../src/mod.ts";
import { type FaultPlan, withFaults } from "../helpers/fault_store.ts";
import type { BlobStore } from "../../src/store/store.ts";
import { accessTo, copyOf, type FakeWorld, fakeWorld, macrotask, namesOf, noise } from "../helpers/world.ts";
import {
  backUp,
  listed,
  NAME,
  namesIn,
  newStorage,
  readWhole,
  SHOP,
  SMALL_CHUNKS,
  storageOn,
  writeFile,
} from "./storage_fixture.ts";

const OTHER = "2026-11-22.075342.zone1-0000000100";

/** Moments that follow each other: so many turns of the queue of microtasks, and of that of tasks. */
const MOMENTS = [
  ...[0, 1, 2, 3, 5, 8].map((micro) => ({ micro, macro: 0 })),
  { micro: 0, macro: 2 },
];

async function pass({ micro, macro }: { micro: number; macro: number }): Promise<void> {
  for (let i = 0; i < micro; i++) await Promise.resolve();
  for (let i = 0; i < macro; i++) await macrotask();
}

/** A store that counts how often it was closed. */
function countedCloses(store: BlobStore): { store: BlobStore; closes: () => number } {
  let closes = 0;
  const close = () => {
    closes++;
    return store.close();
  };
  const counted = new Proxy(store, {
    get(target, property) {
      const value = property === "close" ? close : Reflect.get(target, property);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  return { store: counted, closes: () => closes };
}

Deno.test("a start that is aborted, at whatever moment, frees its name and leaves no lock", async () => {
  await using fixture = await newStorage();
  const { storage, store } = fixture;
  await storage.listBackups(SHOP);
  for (const moment of MOMENTS) {
    const stop = new AbortController();
    const starting = storage.startBackup(SHOP, NAME, { signal: stop.signal });
    starting.catch(() => {});
    await pass(moment);
    stop.abort();
    const [started] = await Promise.allSettled([starting]);
    if (started.status === "rejected") assert.ok(started.reason instanceof InterruptedError);
    else {
      // A signal that comes when the backup has begun does nothing any more, and by the last moment it may have begun.
      assert.ok(moment.macro > 0);
      await started.value.abortBackup();
    }
    assert.deepEqual(await namesOf(store, "lock"), [], JSON.stringify(moment));
  }
  await backUp(storage, NAME, {});
});

Deno.test("a start that is aborted while the repository opens does not wait for that, and the next one finds it open", async () => {
  const { store, world } = await newStorage();
  const opening = Promise.withResolvers<void>();
  let opened = 0;
  const openStore = async () => {
    opened++;
    await opening.promise;
    return store;
  };
  const storage = openStorage({ ...accessTo(store), openStore }, world);
  const stop = new AbortController();
  const starting = storage.startBackup(SHOP, NAME, { signal: stop.signal });
  const listing = storage.listBackups(SHOP, { signal: stop.signal });
  stop.abort();
  await assert.rejects(starting, InterruptedError);
  await assert.rejects(listing, InterruptedError);
  const next = backUp(storage, NAME, {});
  opening.resolve();
  await next;
  assert.equal(opened, 1);
  await storage.close();
});

Deno.test("a start that fails for another reason frees its name", async () => {
  await using fixture = await newStorage();
  let failures = 0;
  const failing: FaultPlan = ({ method, kind }) =>
    method === "put" && kind === "lock" && failures++ === 0
      ? { type: "fail", error: new TemporaryError("on purpose") }
      : undefined;
  await using storing = storageOn(withFaults(fixture.store, failing), fixture.world);
  await assert.rejects(storing.storage.startBackup(SHOP, NAME), TemporaryError);
  await backUp(storing.storage, NAME, {});
});

/** What a program may be about when it closes its storage; `handle` is of a backup that it listed. */
const CALLS: Record<string, (storage: BackupStorage, handle: BackupHandle) => Promise<unknown>> = {
  startBackup: (storage) => storage.startBackup(SHOP, OTHER, SMALL_CHUNKS),
  "a whole backup": (storage) => backUp(storage, OTHER, { a: noise(60_000, "other") }),
  listBackups: (storage) => storage.listBackups(SHOP),
  readFile: (_, handle) => readWhole(handle, "a"),
  removeBackup: (storage) => storage.removeBackup(SHOP, NAME),
};

for (const [name, call] of Object.entries(CALLS)) {
  Deno.test(`a close at any moment of ${name} ends it, and nothing goes on or stays behind`, async () => {
    await using full = await newStorage();
    await backUp(full.storage, NAME, { a: noise(30_000, "a") });
    let wasStopped = 0;
    for (let closeAt = 1, isOver = false; !isOver; closeAt += closeAt < 9 ? 1 : 4) {
      const asked = Promise.withResolvers<void>();
      let callsBefore = Infinity;
      const store = withFaults(await copyOf(full.store), ({ number }) => {
        if (number === callsBefore + closeAt) asked.resolve();
        return undefined;
      });
      const { storage } = storageOn(store, fakeWorld());
      const handle = await listed(storage, NAME);
      callsBefore = store.calls.length;
      const settled = Promise.allSettled([call(storage, handle)]);
      await Promise.race([asked.promise, settled]);
      await storage.close();
      const calls = store.calls.length;
      const [outcome] = await settled;
      await macrotask();
      assert.equal(store.calls.length, calls, `closed at call ${closeAt}`);
      isOver = calls < callsBefore + closeAt;
      if (outcome.status === "rejected") {
        wasStopped++;
        const { code, message } = outcome.reason as AgentError;
        assert.deepEqual([code, message], ["interrupted", "The storage was closed"], `closed at call ${closeAt}`);
      }
      assert.deepEqual(await namesOf(store, "lock"), [], `closed at call ${closeAt}`);
      const names = await namesIn(storage);
      assert.ok(name === "removeBackup" || names.includes(NAME), `closed at call ${closeAt}`);
      await storage.close();
    }
    assert.ok(wasStopped > 0);
  });
}

Deno.test("a close while a backup starts, at whatever moment, leaves no lock, and a store closed as often as opened", async () => {
  for (const moment of MOMENTS) {
    await using empty = await newStorage();
    const counted = countedCloses(empty.store);
    let opens = 0;
    const access = { ...accessTo(empty.store), openStore: () => (opens++, Promise.resolve(counted.store)) };
    const storage = openStorage(access, empty.world);
    await storage.listBackups(SHOP);
    const starting = storage.startBackup(SHOP, NAME);
    starting.catch(() => {});
    await pass(moment);
    await Promise.all([storage.close(), storage.close()]);
    assert.deepEqual(await namesOf(empty.store, "lock"), [], JSON.stringify(moment));
    assert.equal(counted.closes(), opens);
    await assert.rejects(starting.then((handle) => handle.endBackup()), InterruptedError);
    await (await storage.startBackup(SHOP, NAME)).abortBackup();
    await storage.close();
    assert.equal(counted.closes(), opens);
  }
});

Deno.test("a close while the repository opens waits until the store is closed again", async () => {
  const { store, world } = await newStorage();
  const counted = countedCloses(store);
  const opening = Promise.withResolvers<BlobStore>();
  const storage = openStorage({ ...accessTo(store), openStore: () => opening.promise }, world);
  const starting = storage.startBackup(SHOP, NAME);
  starting.catch(() => {});
  await macrotask();
  const closing = storage.close();
  await assert.rejects(starting, { message: "The storage was closed" });
  opening.resolve(counted.store);
  await closing;
  assert.equal(counted.closes(), 1);
});

/** A world that keeps what it is told. */
function telling(world: FakeWorld): FakeWorld & { readonly problems: AgentError[] } {
  const problems: AgentError[] = [];
  return Object.assign(Object.create(Object.getPrototypeOf(world)), world, {
    problems,
    onProblem: (problem: AgentError) => void problems.push(problem),
  });
}

Deno.test("a backup that is committed is a success, even where its lock cannot be removed", async () => {
  await using fixture = await newStorage();
  const stuck: FaultPlan = ({ method, kind }) =>
    method === "remove" && kind === "lock" ? { type: "fail", error: new StoreFullError("stuck") } : undefined;
  const world = telling(fixture.world);
  await using storing = storageOn(withFaults(fixture.store, stuck), world);
  const { manifest } = await backUp(storing.storage, NAME, { a: noise(10, "a") });
  assert.equal(manifest.files.length, 1);
  assert.deepEqual(await namesIn(fixture.storage), [NAME]);
  assert.equal(world.problems.length, 1);
  assert.ok((world.problems[0]!.cause as Error) instanceof StoreFullError);
  const handle = await storing.storage.startBackup(SHOP, OTHER);
  await writeFile(handle, "a", noise(10, "a"));
  await handle.abortBackup();
  assert.deepEqual(await namesIn(fixture.storage), [NAME]);
});

Deno.test("a signal given to the end of a backup stops it until it is committed", async () => {
  await using fixture = await newStorage();
  const { storage, store } = fixture;
  const aborted = AbortSignal.abort();
  const handle = await storage.startBackup(SHOP, NAME);
  await assert.rejects(handle.endBackup({ signal: aborted }), InterruptedError);
  assert.deepEqual([await namesOf(store, "snapshot"), await namesOf(store, "lock")], [[], []]);
  const stop = new AbortController();
  const next = await storage.startBackup(SHOP, NAME);
  await next.endBackup({ signal: stop.signal });
  stop.abort();
  assert.deepEqual(await namesIn(storage), [NAME]);
});
