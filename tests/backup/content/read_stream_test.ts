/** Reading a stream that nobody wants to its end. */
import assert from "node:assert/strict";
import { IntegrityError } from "../../../src/base/errors.ts";
import { BATCH_BYTES } from "../../../src/backup/buffers.ts";
import { readStream } from "../../../src/backup/content/read_stream.ts";
import { SegmentPool } from "../../../src/pipeline/segments.ts";
import { startThreads } from "../../../src/pipeline/threads.ts";
import { loadIndex } from "../../../src/repository/index/index_files.ts";
import { findNode } from "../../../src/repository/tree/trees.ts";
import { type FaultPlan, withFaults } from "../../helpers/fault_store.ts";
import { fakeWorld, memoryRepository, noise, putBytes } from "../../helpers/world.ts";

const BATCHES = 6;

/** Counts the segments of all pools that are in use. */
class CountedSegments implements Disposable {
  readonly #acquire = SegmentPool.prototype.acquire;
  inUse = 0;
  most = 0;

  constructor() {
    const { acquire, take, giveBack } = {
      acquire: this.#acquire,
      take: () => this.#take(),
      giveBack: () => this.inUse--,
    };
    SegmentPool.prototype.acquire = async function (leastBytes) {
      const segment = await acquire.call(this, leastBytes);
      take();
      let users = 1;
      return {
        bytes: segment.bytes,
        retain: () => (users++, segment.retain()),
        release: () => (--users === 0 && giveBack(), segment.release()),
      };
    };
  }

  #take(): void {
    this.most = Math.max(this.most, ++this.inUse);
  }

  [Symbol.dispose](): void {
    SegmentPool.prototype.acquire = this.#acquire;
  }
}

/** A stream of several batches, and what reads it. */
async function streamOfBatches(plan: FaultPlan = () => undefined) {
  const world = fakeWorld();
  const { store, repository, access } = await memoryRepository(world);
  const { backup } = await putBytes(access, world, noise(BATCHES * BATCH_BYTES, "batches"));
  const indexed = { ...repository, index: await loadIndex(repository.files) };
  const { content } = (await findNode(indexed, backup.snapshot.tree, "prod/shop/data"))!;
  const starting = startThreads(1);
  const threads = await starting.configure(repository.keys, "off");
  const faulty = withFaults(store, plan);
  const stream = () => readStream([content!], { repository: { ...indexed, store: faulty }, threads });
  return { stream, faulty, [Symbol.dispose]: () => starting[Symbol.dispose]() };
}

Deno.test("who stops in the middle of a stream leaves no segment in use, and nothing is read afterwards", async () => {
  using segments = new CountedSegments();
  using reading = await streamOfBatches();
  for await (const { segment } of reading.stream()) {
    segment.release();
    break;
  }
  assert.ok(segments.most > 1, "some were read ahead");
  assert.equal(segments.inUse, 0);
  const calls = reading.faulty.calls.length;
  await Promise.resolve();
  assert.equal(reading.faulty.calls.length, calls);
});

Deno.test("a stream that cannot be read on leaves no segment in use", async () => {
  using segments = new CountedSegments();
  let reads = 0;
  const fault = { type: "fail", error: new IntegrityError("gone, on purpose") } as const;
  using reading = await streamOfBatches(({ kind }) => kind === "pack" && ++reads === 2 ? fault : undefined);
  const read = async () => {
    for await (const { segment } of reading.stream()) segment.release();
  };
  await assert.rejects(read(), /gone, on purpose/);
  assert.ok(segments.most > 1, "some were read ahead");
  assert.equal(segments.inUse, 0);
});
