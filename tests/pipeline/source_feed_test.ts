/** Feeds of a source: they read ahead within bounds, hand errors on, and a cancelled one never looks like one that ended. */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { ByteSource } from "../../src/base/byte_source.ts";
import { InterruptedError, SourceError } from "../../src/base/errors.ts";
import { SourceFeed } from "../../src/pipeline/source_feed.ts";
import { SegmentPool } from "../../src/pipeline/segments.ts";
import { BytesSource, concat, macrotask, noise } from "../helpers/world.ts";
import { assertAllFree } from "./pool_check.ts";
import { takeAll } from "./take_all.ts";

const POOL = { count: 3, segmentBytes: 100 };

Deno.test("the whole stream comes out in full segments, whatever pieces the source gives", async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(1000), fc.integer({ min: 1, max: 150 }), async (length, pieceBytes) => {
      const bytes = noise(length, "source");
      const pool = new SegmentPool(POOL);
      const feed = new SourceFeed(new BytesSource(bytes, pieceBytes), pool);
      const pieces = await takeAll(feed);
      assert.deepEqual(concat(pieces), bytes);
      assert.equal(feed.bytesRead, length);
      for (const piece of pieces.slice(0, -1)) assert.equal(piece.length, 100);
      assert.ok(pieces.every((piece) => piece.length > 0));
      assert.equal(await feed.next(), null);
      await assertAllFree(pool, 3);
    }),
    { numRuns: 60, seed: 6, examples: [[0, 1], [100, 100], [300, 7], [301, 150]] },
  );
});

Deno.test("it reads from the first moment, but no further ahead than there are segments", async () => {
  const feed = new SourceFeed(new BytesSource(noise(1000, "ahead")), new SegmentPool(POOL));
  await macrotask();
  assert.equal(feed.bytesRead, 300);
  (await feed.next())!.segment.release();
  await macrotask();
  assert.equal(feed.bytesRead, 400);
  await takeAll(feed);
});

/** Gives 150 bytes, then does what `then` says. */
function sourceThen(then: () => Promise<number | null>): ByteSource & { cancelled: number } {
  let calls = 0;
  return {
    cancelled: 0,
    read: () => calls++ < 3 ? Promise.resolve(50) : then(),
    cancel() {
      this.cancelled++;
      return Promise.resolve();
    },
  };
}

Deno.test("an error of the source reaches the taker, every time, and no segment is lost", async () => {
  const pool = new SegmentPool(POOL);
  const feed = new SourceFeed(sourceThen(() => Promise.reject(new SourceError("broken pipe"))), pool);
  const filled = await feed.next();
  assert.equal(filled?.length, 100);
  filled.segment.release();
  for (let i = 0; i < 2; i++) await assert.rejects(feed.next(), { message: "broken pipe" });
  await feed.cancel(new InterruptedError());
  await assert.rejects(feed.next(), { message: "broken pipe" });
  await assertAllFree(pool, 3);
});

Deno.test("a cancelled stream never looks like one that ended", async () => {
  let end: (count: null) => void = () => {};
  const source = sourceThen(() => new Promise((resolve) => end = resolve));
  const pool = new SegmentPool(POOL);
  const feed = new SourceFeed(source, pool);
  await macrotask();
  await feed.cancel(new InterruptedError());
  assert.equal(source.cancelled, 1);
  end(null);
  await macrotask();
  for (let i = 0; i < 2; i++) await assert.rejects(feed.next(), InterruptedError);
  await assertAllFree(pool, 3);
});

Deno.test("cancelling wakes a taker that waits", async () => {
  const feed = new SourceFeed(
    { read: () => new Promise(() => {}), cancel: () => Promise.resolve() },
    new SegmentPool(POOL),
  );
  const waiting = assert.rejects(feed.next(), InterruptedError);
  await macrotask();
  await feed.cancel(new InterruptedError());
  await waiting;
});

Deno.test("a stream that was read to its end but not yet taken is cancelled, too", async () => {
  const pool = new SegmentPool(POOL);
  const feed = new SourceFeed(new BytesSource(noise(150, "short")), pool);
  await macrotask();
  assert.equal(feed.bytesRead, 150);
  await feed.cancel(new InterruptedError());
  await assert.rejects(feed.next(), InterruptedError);
  await assertAllFree(pool, 3);
});

Deno.test("a feed that waits for a segment can be cancelled", async () => {
  const pool = new SegmentPool(POOL);
  const feed = new SourceFeed(new BytesSource(noise(1000, "waiting")), pool);
  const filled = await feed.next();
  await macrotask();
  await feed.cancel(new InterruptedError());
  filled!.segment.release();
  await macrotask();
  await assertAllFree(pool, 3);
});
