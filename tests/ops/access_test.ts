/** How use cases get at a repository and let it go. */
import assert from "node:assert/strict";
import { InterruptedError, StoreFullError } from "../../src/base/errors.ts";
import { openAccess, type RepositoryAccess, withLock, withRepository } from "../../src/ops/access.ts";
import { listBackups } from "../../src/ops/list.ts";
import { openRepository } from "../../src/repository/repository.ts";
import { type FaultPlan, withFaults } from "../../src/store/fault.ts";
import type { BlobStore, FileKind } from "../../src/store/store.ts";
import { accessTo, allFiles, fakeWorld, memoryRepository, namesOf, PASSWORD, putBytes } from "../helpers/world.ts";

const world = fakeWorld();
const SHARED = { exclusive: false, retryLockMs: 0 };

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
  assert.equal(await withRepository(access, world, ({ config }) => Promise.resolve(config.version)), 2);
  assert.equal(closed(), 1);
  await assert.rejects(withRepository(access, world, () => Promise.reject(new RangeError("work"))), {
    message: "work",
  });
  assert.equal(closed(), 2);
});

Deno.test("the store is closed where opening fails", async () => {
  const { store } = await memoryRepository(world);
  const { access, closed } = counted(store, "wrong");
  await assert.rejects(openAccess(access, world), { code: "wrong-password" });
  assert.equal(closed(), 1);
  const unasked = { ...access, password: () => Promise.reject(new InterruptedError()) };
  await assert.rejects(openAccess(unasked, world), InterruptedError);
  assert.equal(closed(), 2);
});

Deno.test("a repository without its folder of snapshots is not taken for an empty one, and is left as it is", async () => {
  const { store } = await memoryRepository(world);
  const missing = Object.assign(withFaults(store, () => undefined), {
    missingFolders: () => Promise.resolve<FileKind[]>(["snapshot"]),
  });
  const files = await allFiles(store);
  const refused = { name: "StoreError", message: /has no folder "snapshots", .*: nothing was changed; mount or copy/ };
  await assert.rejects(openAccess(accessTo(missing), world), refused);
  await assert.rejects(putBytes(accessTo(missing), world, new Uint8Array(100)), refused);
  await assert.rejects(listBackups(accessTo(missing), {}, world), refused);
  assert.deepEqual(await allFiles(store), files);
  missing.missingFolders = () => Promise.resolve(["lock", "index", "pack"]);
  assert.equal((await openAccess(accessTo(missing), world)).config.version, 2);
});

async function lockable(plan: FaultPlan = () => undefined) {
  const { store } = await memoryRepository(world);
  const { randomBytes } = world;
  return { store, repository: await openRepository(withFaults(store, plan), { password: PASSWORD, randomBytes }) };
}

Deno.test("the lock is there while the work goes on and gone afterwards, however it ends", async () => {
  const { store, repository } = await lockable();
  const count = await withLock(repository, world, SHARED, async () => (await namesOf(store, "lock")).length);
  assert.equal(count, 1);
  assert.deepEqual(await namesOf(store, "lock"), []);
  await assert.rejects(withLock(repository, world, SHARED, () => Promise.reject(new RangeError("work"))), RangeError);
  assert.deepEqual(await namesOf(store, "lock"), []);
});

Deno.test("a lock that cannot be removed does not change what came of the work", async () => {
  const failing: FaultPlan = ({ method }) =>
    method === "remove" ? { type: "fail", error: new StoreFullError("stuck") } : undefined;
  const { repository } = await lockable(failing);
  await assert.rejects(withLock(repository, world, SHARED, () => Promise.reject(new RangeError("work"))), RangeError);
  const problems: Error[] = [];
  const telling = { ...world, onProblem: (problem: Error) => void problems.push(problem) };
  assert.equal(await withLock(repository, telling, SHARED, () => Promise.resolve(7)), 7);
  assert.match(problems[0]!.message, /^Done, but the lock could not be removed: stuck; .*"agent unlock"/);
  assert.equal(await withLock(repository, world, SHARED, () => Promise.resolve(8)), 8);
  assert.equal(problems.length, 1);
});
