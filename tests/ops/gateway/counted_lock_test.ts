/** One lock for many readers: there while somebody reads, and replaced when it was lost. */
import { deepEqual, equal, notDeepEqual, rejects } from "node:assert/strict";
import { AgentError } from "../../../src/base/errors.ts";
import { openAccess } from "../../../src/ops/access.ts";
import { CountedLock } from "../../../src/ops/gateway/counted_lock.ts";
import { fakeWorld, memoryRepository, namesOf } from "../../helpers/world.ts";

async function scene(onHeld: () => Promise<void> = () => Promise.resolve()) {
  const world = fakeWorld();
  const { store, access } = await memoryRepository(world);
  const repository = await openAccess(access, { world });
  const lock = new CountedLock(repository, { signal: new AbortController().signal, onHeld });
  return {
    world,
    lock,
    locks: () => namesOf(store, "lock"),
    [Symbol.asyncDispose]: () => repository[Symbol.asyncDispose](),
  };
}

/** Work that lasts until it is told to end. */
function lasting() {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { work: () => promise, end: resolve };
}

Deno.test("a counted lock is one for all, and gone with the last", async () => {
  let held = 0;
  await using taken = await scene(() => Promise.resolve(void held++));
  const { lock, locks } = taken;
  const [a, b] = [lasting(), lasting()];
  const both = [lock.hold(a.work), lock.hold(b.work)];
  await lock.hold(async () => equal((await locks()).length, 1));
  a.end();
  await both[0];
  equal((await locks()).length, 1);
  b.end();
  await both[1];
  deepEqual(await locks(), []);
  equal(held, 1);
});

Deno.test("a counted lock that was lost in standby is replaced for the next reader", async () => {
  await using taken = await scene();
  const { lock, locks, world } = taken;
  const first = lasting();
  const reading = lock.hold(first.work);
  await lock.hold(() => Promise.resolve());
  const before = await locks();
  world.clock.jump(60 * 60 * 1000);
  await lock.hold(async () => {
    const after = await locks();
    equal(after.length, 1);
    notDeepEqual(after, before);
  });
  first.end();
  await reading;
  deepEqual(await locks(), []);
});

Deno.test("a counted lock whose work cannot begin is not kept, and the next reader tries again", async () => {
  let failures = 1;
  await using taken = await scene(() =>
    failures-- > 0 ? Promise.reject(new AgentError("no index")) : Promise.resolve()
  );
  const { lock, locks } = taken;
  await rejects(lock.hold(() => Promise.resolve()), /no index/);
  deepEqual(await locks(), []);
  equal(await lock.hold(() => Promise.resolve("read")), "read");
});
