/** How use cases get at a repository and let it go. */
import assert from "node:assert/strict";
import { InterruptedError, NoRepositoryError, StoreFullError } from "../../src/base/errors.ts";
import { deriveKey } from "../../src/crypto/kdf.ts";
import { KeptKeys } from "../../src/crypto/kept_keys.ts";
import { openAccess, type RepositoryAccess } from "../../src/ops/access.ts";
import { type FaultPlan, withFaults } from "../helpers/fault_store.ts";
import type { BlobStore, FileKind } from "../../src/store/store.ts";
import { accessTo, allFiles, fakeWorld, memoryRepository, namesOf, PASSWORD, putBytes } from "../helpers/world.ts";
import { listBackups } from "../../src/ops/list.ts";

const world = fakeWorld();
const SHARED = { exclusive: false };

/** Access to a store that counts how often it was closed. */
function counted(store: BlobStore, password = PASSWORD): { access: RepositoryAccess; closed: () => number } {
  let closed = 0;
  const counting = withFaults(store, () => undefined);
  counting.close = () => Promise.resolve(void closed++);
  return { access: accessTo(counting, password), closed: () => closed };
}

Deno.test("the store is closed, however the work ends", async () => {
  const { store } = await memoryRepository(world);
  const { access, closed } = counted(store);
  const work = async (error?: Error) => {
    await using repository = await openAccess(access, { world });
    if (error) throw error;
    return repository.config.version;
  };
  assert.equal(await work(), 2);
  assert.equal(closed(), 1);
  await assert.rejects(work(new RangeError("work")), { name: "RangeError", message: "work" });
  assert.equal(closed(), 2);
});

Deno.test("a store that was opened for a use case that is stopped meanwhile is closed", async () => {
  const { store } = await memoryRepository(world);
  const { access, closed } = counted(store);
  const stop = new AbortController();
  const password = () => Promise.resolve(PASSWORD).finally(() => stop.abort(new InterruptedError()));
  await assert.rejects(openAccess({ ...access, password }, { world, signal: stop.signal }), InterruptedError);
  assert.equal(closed(), 1);
});

Deno.test("the store is closed where opening fails", async () => {
  const { store } = await memoryRepository(world);
  const { access, closed } = counted(store, "wrong");
  await assert.rejects(openAccess(access, { world }), { code: "wrong-password" });
  assert.equal(closed(), 1);
  const unasked = { ...access, password: () => Promise.reject(new InterruptedError()) };
  await assert.rejects(openAccess(unasked, { world }), InterruptedError);
  assert.equal(closed(), 2);
});

Deno.test("a repository without its folder of snapshots is not taken for an empty one, and is left as it is", async () => {
  const { store } = await memoryRepository(world);
  const missing = Object.assign(withFaults(store, () => undefined), {
    missingFolders: () => Promise.resolve<FileKind[]>(["snapshot"]),
  });
  const files = await allFiles(store);
  const refused = { name: "StoreError", message: /has no folder "snapshots", .*: nothing was changed; mount or copy/ };
  await assert.rejects(openAccess(accessTo(missing), { world }), refused);
  await assert.rejects(putBytes(accessTo(missing), world, new Uint8Array(100)), refused);
  await assert.rejects(listBackups(accessTo(missing), {}, { world }), refused);
  assert.deepEqual(await allFiles(store), files);
  missing.missingFolders = () => Promise.resolve(["lock", "index", "pack"]);
  assert.equal((await openAccess(accessTo(missing), { world })).config.version, 2);
});

/** Runs `work` under a lock of a repository whose store has these faults. */
async function underLock<T>(work: (store: BlobStore) => Promise<T>, plan: FaultPlan = () => undefined, told = world) {
  const { store } = await memoryRepository(world);
  const run = async () => {
    await using repository = await openAccess(accessTo(withFaults(store, plan)), { world: told });
    await using _lock = await repository.lock(SHARED);
    return await work(store);
  };
  const [outcome] = await Promise.allSettled([run()]);
  return { store, outcome };
}

Deno.test("the lock is there while the work goes on and gone afterwards, however it ends", async () => {
  const { store, outcome } = await underLock(async (store) => (await namesOf(store, "lock")).length);
  assert.deepEqual(outcome, { status: "fulfilled", value: 1 });
  assert.deepEqual(await namesOf(store, "lock"), []);
  const reason = new RangeError("work");
  const failed = await underLock(() => Promise.reject(reason));
  assert.deepEqual(failed.outcome, { status: "rejected", reason });
  assert.deepEqual(await namesOf(failed.store, "lock"), []);
});

Deno.test("a lock that cannot be removed does not change what came of the work, and is told", async () => {
  const failing: FaultPlan = ({ method }) =>
    method === "remove" ? { type: "fail", error: new StoreFullError("stuck") } : undefined;
  const problems: Error[] = [];
  const telling = { ...world, onProblem: (problem: Error) => void problems.push(problem) };
  const reason = new RangeError("work");
  const failed = await underLock(() => Promise.reject(reason), failing, telling);
  assert.deepEqual(failed.outcome, { status: "rejected", reason });
  assert.equal(problems.length, 1);
  const done = await underLock(() => Promise.resolve(7), failing, telling);
  assert.deepEqual(done.outcome, { status: "fulfilled", value: 7 });
  assert.equal(problems.length, 2);
  for (const { message } of problems) {
    assert.match(message, /^The lock could not be removed: stuck; .*"agent unlock"/);
  }
  assert.deepEqual((await underLock(() => Promise.resolve(8), failing)).outcome, { status: "fulfilled", value: 8 });
});

Deno.test("whoever keeps derived keys derives once for many openings, and needs the key file for each", async () => {
  const { store } = await memoryRepository(world);
  let derived = 0;
  const kept = new KeptKeys((...given) => {
    derived++;
    return deriveKey(...given);
  });
  const access = { ...accessTo(store), deriveKey: kept.derive };
  for (let i = 0; i < 3; i++) await (await openAccess(access, { world })).close();
  assert.equal(derived, 1);
  for (const name of await namesOf(store, "key")) await store.remove({ kind: "key", name });
  await assert.rejects(openAccess(access, { world }), NoRepositoryError);
});
