/** While the lock of a put settles, its first chunks are sealed, and nothing is stored. */
import assert from "node:assert/strict";
import { LockedError } from "../../../src/base/errors.ts";
import { PipelineThreads } from "../../../src/pipeline/threads.ts";
import type { BlobStore } from "../../../src/store/store.ts";
import { withFaults } from "../../helpers/fault_store.ts";
import { FirstPause, nextStep } from "../../helpers/first_pause.ts";
import {
  accessTo,
  fakeWorld,
  getBytes,
  macrotask,
  memoryRepository,
  namesOf,
  noise,
  putBytes,
} from "../../helpers/world.ts";

const LONG = noise(3_000_000, "long");

/** After so many turns of the event loop, nothing is waited for any more. */
const MOST_TURNS = 3000;

/** Calls `onSeal` whenever chunks are given to a sealing thread. */
function watchSealing(onSeal: () => void): Disposable {
  const { seal } = PipelineThreads.prototype;
  PipelineThreads.prototype.seal = function (request) {
    onSeal();
    return seal.call(this, request);
  };
  return {
    [Symbol.dispose]() {
      PipelineThreads.prototype.seal = seal;
    },
  };
}

/** Puts a long stream whose lock settles until something of it is sealed; tells what was stored until then. */
async function putWhileSettling(store: BlobStore, atEnd: () => Promise<void> = () => Promise.resolve()) {
  const faulty = withFaults(store, () => undefined);
  const stored = () => faulty.calls.filter(({ method }) => method === "put").map(({ kind }) => kind);
  let sealed = 0;
  let early = { sealed: -1, stored: stored() };
  using _ = watchSealing(() => sealed++);
  const clock = new FirstPause(async () => {
    for (let turn = 0; turn < MOST_TURNS && sealed === 0; turn++) await macrotask();
    await nextStep();
    early = { sealed, stored: stored() };
    await atEnd();
  });
  const world = { ...fakeWorld("settling"), clock };
  const [outcome] = await Promise.allSettled([putBytes(accessTo(faulty), world, LONG)]);
  return { outcome, early, stored: stored() };
}

Deno.test("the first chunks of a long put are sealed before its lock holds, and nothing is stored until then", async () => {
  const { store, access } = await memoryRepository(fakeWorld());
  const { outcome, early, stored } = await putWhileSettling(store);
  assert.equal(outcome.status, "fulfilled");
  assert.ok(early.sealed > 0, "nothing was sealed");
  assert.deepEqual(early.stored, ["lock"]);
  assert.ok(stored.includes("pack"));
  assert.deepEqual(await getBytes(access, fakeWorld("reader"), "prod/shop"), LONG);
});

Deno.test("what was sealed before its lock holds is never stored if it turns out not to hold", async () => {
  const { store } = await memoryRepository(fakeWorld());
  const { outcome, early, stored } = await putWhileSettling(store, async () => {
    for (const name of await namesOf(store, "lock")) await store.remove({ kind: "lock", name });
  });
  assert.ok(early.sealed > 0, "nothing was sealed");
  assert.equal(outcome.status, "rejected");
  assert.ok(outcome.status === "rejected" && outcome.reason instanceof LockedError);
  assert.deepEqual(stored, ["lock"]);
});
