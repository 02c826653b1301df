/** While the lock of a put settles, its first chunks are sealed, and nothing is stored. */
import assert from "node:assert/strict";
import { LockedError, SourceError } from "../../../src/base/errors.ts";
import { GEAR_TABLE_BYTES, gearTable } from "../../../src/chunker/gear.ts";
import { parametersFor } from "../../../src/chunker/parameters.ts";
import { HeadStart } from "../../../src/ops/session/head_start.ts";
import { Recipient } from "../../../src/ops/session/reader/recipient.ts";
import type { Session } from "../../../src/ops/session/session.ts";
import { SegmentPool } from "../../../src/pipeline/segments.ts";
import { SourceFeed } from "../../../src/pipeline/source_feed.ts";
import { PipelineThreads, startThreads } from "../../../src/pipeline/threads.ts";
import { ExistenceIndex } from "../../../src/repository/index/blob_index.ts";
import type { BlobStore } from "../../../src/store/store.ts";
import { withFaults } from "../../helpers/fault_store.ts";
import { FirstPause, nextStep } from "../../helpers/first_pause.ts";
import {
  accessTo,
  BytesSource,
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
const MOST_TURNS = 20_000;

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

for (const isConfirmed of [false, true]) {
  const when = isConfirmed ? "after" : "before";
  Deno.test(`a head start that ends ${when} its lock is confirmed gives all memory back`, async () => {
    const keys = { encrypt: noise(32, "e"), macK: noise(16, "k"), macR: noise(16, "r") };
    using starting = startThreads(1, {});
    const threads = await starting.configure(keys, "auto");
    const pool = new SegmentPool({ count: 8, segmentBytes: 100_000 });
    const feed = new SourceFeed(new BytesSource(LONG), pool);
    {
      const tools = { threads, gear: gearTable(noise(GEAR_TABLE_BYTES, "gear")), parameters: parametersFor(10_000) };
      using headStart = new HeadStart(tools);
      headStart.know(new ExistenceIndex());
      headStart.begin(feed, "none");
      for (let turn = 0; turn < 20; turn++) await macrotask();
      if (isConfirmed) headStart.confirm(new ExistenceIndex());
      for (let turn = 0; turn < 20; turn++) await macrotask();
    }
    await feed.cancel(new SourceError("over"));
    let areAllFree = false;
    const segments = Promise.all(Array.from({ length: 8 }, () => pool.acquire())).then((acquired) => {
      areAllFree = true;
      return acquired;
    });
    // A thread may still be sealing.
    for (let turn = 0; turn < MOST_TURNS && !areAllFree; turn++) await macrotask();
    assert.ok(areAllFree, "segments were not given back");
    for (const segment of await segments) segment.release();
    (await threads.batchSlots.take()).release();
  });
}

Deno.test("a recipient lets nobody wait for a head start once it has its session, or has failed", async () => {
  const reader = { ended: () => Promise.resolve(), onFailure: () => {} };
  const [stored, failed] = [new Recipient(reader), new Recipient(reader)];
  await stored.storeAll({} as Session);
  assert.equal(await stored.headStart, undefined);
  failed.fail(new SourceError("gone"));
  assert.equal(await failed.headStart, undefined);
});
