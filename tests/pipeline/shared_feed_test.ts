/** Shared feeds: every taker gets the whole stream, none waits for one that left, and every segment comes back. */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { ByteSource } from "../../src/base/byte_source.ts";
import { InterruptedError, SourceError } from "../../src/base/errors.ts";
import type { FilledSegment } from "../../src/pipeline/feed.ts";
import { SegmentPool } from "../../src/pipeline/segments.ts";
import { SharedFeed, type TakerFeed } from "../../src/pipeline/shared_feed.ts";
import { SourceFeed } from "../../src/pipeline/source_feed.ts";
import { BytesSource, concat, macrotask, noise } from "../helpers/world.ts";
import { assertAllFree } from "./pool_check.ts";
import { takeAll } from "./take_all.ts";

const POOL = { count: 3, segmentBytes: 100 };

/** Takes up to `most` pieces, waiting a little before each one, and then leaves or has reached the end. */
async function takeSome(feed: TakerFeed, { most, pauses }: { most: number; pauses: number }): Promise<Taken> {
  const pieces: Uint8Array[] = [];
  try {
    for (let taken = 0; taken < most; taken++) {
      for (let i = 0; i < pauses; i++) await macrotask();
      const filled = await feed.next();
      if (filled === null) return { bytes: concat(pieces), end: "end" };
      // The segment is held for a while, as by a thread that seals.
      const { segment, length } = filled;
      pieces.push(segment.bytes.slice(0, length));
      void macrotask().then(() => segment.release());
    }
    feed.leave(new InterruptedError("enough"));
    await assert.rejects(feed.next(), { message: "enough" });
    return { bytes: concat(pieces), end: "left" };
  } catch (error) {
    return { bytes: concat(pieces), end: error };
  }
}

interface Taken {
  readonly bytes: Uint8Array;
  readonly end: unknown;
}

/** Gives its bytes and then fails. */
class FailingSource extends BytesSource {
  override async read(target: Uint8Array): Promise<number | null> {
    const count = await super.read(target);
    if (count === null) throw new SourceError("broken pipe");
    return count;
  }
}

/** Counts the bytes it was given, and gives the segments back later. */
class Inspecting {
  readonly pieces: Uint8Array[] = [];

  take({ segment, length }: FilledSegment): void {
    this.pieces.push(segment.bytes.slice(0, length));
    void macrotask().then(() => segment.release());
  }
}

const takers = fc.array(
  fc.record({ most: fc.oneof(fc.constant(Infinity), fc.nat(12)), pauses: fc.nat(3) }),
  { minLength: 1, maxLength: 3 },
);

Deno.test("whatever takers do and however the stream ends, each gets its beginning or all of it, and all segments come back", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.nat(1200),
      takers,
      fc.boolean(),
      fc.option(fc.nat(20)),
      async (length, each, fails, cancelAfter) => {
        const bytes = noise(length, "shared");
        const pool = new SegmentPool(POOL);
        const source = fails ? new FailingSource(bytes, 70) : new BytesSource(bytes, 70);
        const feed = new SourceFeed(source, pool);
        const inspection = new Inspecting();
        const shared = new SharedFeed(feed, { takers: each.length, inspection });
        const taking = each.map((how, i) => takeSome(shared.takers[i]!, how));
        const cancelled = new InterruptedError("cancelled");
        if (cancelAfter !== null) {
          for (let i = 0; i < cancelAfter; i++) await macrotask();
          shared.breakOff(cancelled);
          await feed.cancel(cancelled);
        }
        const taken = await Promise.all(taking);
        for (const { bytes: got, end } of taken) {
          assert.deepEqual(got, bytes.subarray(0, got.length));
          if (end === "end") assert.ok(!fails && got.length === length);
          else if (end !== "left") assert.ok(end === cancelled || fails && end instanceof SourceError, String(end));
          if (end instanceof SourceError) assert.equal(end, shared.failure?.error);
          // A stream that is broken off gives back what was not taken yet.
          if (end instanceof SourceError && cancelAfter === null) assert.equal(got.length, length - length % 100);
        }
        const inspected = concat(inspection.pieces);
        assert.deepEqual(inspected, bytes.subarray(0, inspected.length));
        if (taken.some(({ end }) => end === "end")) assert.equal(inspected.length, length);
        shared.breakOff(cancelled);
        await feed.cancel(cancelled);
        for (let i = 0; i < 3; i++) await macrotask();
        await assertAllFree(pool, POOL.count);
      },
    ),
    { numRuns: 60, seed: 12 },
  );
});

Deno.test("the slowest taker sets the pace, until it leaves", async () => {
  const pool = new SegmentPool(POOL);
  const bytes = noise(1000, "pace");
  const feed = new SourceFeed(new BytesSource(bytes), pool);
  const shared = new SharedFeed(feed, { takers: 2 });
  const [fast, slow] = shared.takers;
  const taking = takeAll(fast!);
  for (let i = 0; i < 10; i++) await macrotask();
  assert.equal(feed.bytesRead, 300);
  (await slow!.next())!.segment.release();
  for (let i = 0; i < 10; i++) await macrotask();
  assert.equal(feed.bytesRead, 400);
  slow!.leave(new InterruptedError("too slow"));
  assert.deepEqual(concat(await taking), bytes);
  await assert.rejects(slow!.next(), { message: "too slow" });
  await assertAllFree(pool, 3);
});

Deno.test("when all takers have left, no more is taken, and cancelling the feed gives the rest back", async () => {
  const pool = new SegmentPool(POOL);
  const endless: ByteSource = { read: (target) => Promise.resolve(target.length), cancel: () => Promise.resolve() };
  const feed = new SourceFeed(endless, pool);
  const shared = new SharedFeed(feed, { takers: 2 });
  for (const taker of shared.takers) taker.leave(new InterruptedError("left"));
  for (let i = 0; i < 10; i++) await macrotask();
  const { bytesRead } = feed;
  for (let i = 0; i < 10; i++) await macrotask();
  assert.equal(feed.bytesRead, bytesRead);
  await feed.cancel(new InterruptedError("left"));
  await assertAllFree(pool, 3);
});
