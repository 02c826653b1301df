/** The keys that a running gateway accepts: it notices within seconds what others revoke, and reads little for that. */
import { deepEqual, equal, notDeepEqual, rejects } from "node:assert/strict";
import { loadWholeIndex } from "../../../src/backup/whole_index.ts";
import { TemporaryError } from "../../../src/base/errors.ts";
import { openAccess } from "../../../src/ops/access.ts";
import { raiseGeneration } from "../../../src/ops/gateway/raise_generation.ts";
import { LOOK_AGAIN_MS, UrlKeys } from "../../../src/ops/gateway/url_keys.ts";
import { type FaultPlan, withFaults } from "../../helpers/fault_store.ts";
import { accessTo, fakeWorld, memoryRepository, noise, putBytes } from "../../helpers/world.ts";
import { generationOptions, validKeys } from "./generations.ts";

/** A gateway's view of a repository with a generation and a backup. */
async function running(plan: FaultPlan = () => undefined) {
  const world = fakeWorld();
  const { access, store } = await memoryRepository(world);
  await putBytes(access, world, noise(2000, "shop"));
  const { backup } = await raiseGeneration(access, generationOptions(world));
  let isFailing = false;
  const faulty = withFaults(store, (call) => isFailing ? plan(call) : undefined);
  const repository = await openAccess(accessTo(faulty), { world });
  const keys = new UrlKeys({ repository, openIndex: () => loadWholeIndex(repository), clock: world.clock });
  return {
    world,
    access,
    store,
    record: backup!,
    fail: (fails: boolean) => isFailing = fails,
    calls: (work: () => Promise<unknown>) => {
      const before = faulty.calls.length;
      return work().then(() => faulty.calls.slice(before).map(({ method, kind }) => `${method} ${kind}`));
    },
    current: async () => (await keys.current()).map((key) => key.toHex()),
    [Symbol.asyncDispose]: () => repository[Symbol.asyncDispose](),
  };
}

Deno.test("A gateway reads the records when it is asked, and again only after seconds", async () => {
  await using gateway = await running();
  const { world, access, calls, current } = gateway;
  deepEqual(await current(), await validKeys(access, world));
  deepEqual(await calls(current), []);
  world.clock.jump(LOOK_AGAIN_MS - 1);
  deepEqual(await calls(current), []);
  world.clock.jump(1);
  deepEqual(await calls(current), ["list snapshot"]);
});

Deno.test("A generation that begins ends what a running gateway accepts within seconds", async () => {
  await using gateway = await running();
  const { world, access, calls, current } = gateway;
  const before = await current();
  await raiseGeneration(access, generationOptions(world));
  deepEqual(await current(), before);
  world.clock.jump(LOOK_AGAIN_MS);
  deepEqual(await calls(current), ["list snapshot", "get snapshot"]);
  notDeepEqual(await current(), before);
  deepEqual(await current(), await validKeys(access, world));
});

Deno.test("All who ask at the same time wait for one look", async () => {
  await using gateway = await running();
  const { calls, current } = gateway;
  const made = await calls(() => Promise.all(Array.from({ length: 20 }, current)));
  deepEqual(made.filter((call) => call.startsWith("list")), ["list snapshot"]);
});

Deno.test("No URL is valid where the record was removed, nor are those of an earlier generation again", async () => {
  await using gateway = await running();
  const { world, access, store, current } = gateway;
  const { backup } = await raiseGeneration(access, generationOptions(world));
  await current();
  await store.remove({ kind: "snapshot", name: backup!.snapshotId });
  world.clock.jump(LOOK_AGAIN_MS);
  deepEqual(await current(), []);
});

Deno.test("While the records cannot be read, no key is known; then they are read again at once", async () => {
  const down = new TemporaryError("down");
  await using gateway = await running(({ method }) => method === "list" ? { type: "fail", error: down } : undefined);
  const { world, fail, current } = gateway;
  const before = await current();
  fail(true);
  deepEqual(await current(), before);
  world.clock.jump(LOOK_AGAIN_MS);
  await rejects(current(), down);
  await rejects(current(), down);
  fail(false);
  deepEqual(await current(), before);
});

Deno.test("A snapshot that could not be read is read again", async () => {
  const down = new TemporaryError("down");
  await using gateway = await running(({ method, kind }) =>
    method === "get" && kind === "snapshot" ? { type: "fail", error: down } : undefined
  );
  const { world, access, fail, current } = gateway;
  await current();
  await raiseGeneration(access, generationOptions(world));
  world.clock.jump(LOOK_AGAIN_MS);
  fail(true);
  await rejects(current(), down);
  fail(false);
  const now = await current();
  equal(now.length, 1);
  deepEqual(now, await validKeys(access, world));
});
