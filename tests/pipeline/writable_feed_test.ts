/** Feeds that are written: what goes in comes out, memory stays within the pool, and none waits for another to be written to. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { InterruptedError } from "../../src/base/errors.ts";
import { FeedGroup, type WritableFeed } from "../../src/pipeline/writable_feed.ts";
import { SegmentPool } from "../../src/pipeline/segments.ts";
import { concat, macrotask, noise } from "../helpers/world.ts";
import { assertAllFree } from "./pool_check.ts";
import { takeAll } from "./take_all.ts";

const POOL = { count: 3, segmentBytes: 100 };

Deno.test("every stream comes out as it was written, however many are written in whatever order", async () => {
  const writes = fc.array(fc.record({ feed: fc.nat(9), bytes: fc.nat(350) }), { maxLength: 60 });
  await fc.assert(
    fc.asyncProperty(writes, async (steps) => {
      const pool = new SegmentPool(POOL);
      const group = new FeedGroup(pool);
      const open = Array.from({ length: 10 }, () => group.open());
      const taken = open.map(takeAll);
      const written = open.map((): Uint8Array[] => []);
      for (const [step, { feed, bytes }] of steps.entries()) {
        const piece = noise(bytes, `step ${step}`);
        written[feed]!.push(piece);
        await open[feed]!.write(piece);
      }
      for (const feed of open) feed.end();
      for (const [i, pieces] of (await Promise.all(taken)).entries()) {
        assert.deepEqual(concat(pieces), concat(written[i]!));
        assert.equal(open[i]!.bytesRead, concat(written[i]!).length);
        assert.ok(pieces.every(({ length }) => length > 0 && length <= 100));
      }
      await assertAllFree(pool, POOL.count);
    }),
    { numRuns: 60, seed: 12 },
  );
});

Deno.test("of many that begin at the same moment none waits for another to go on", async () => {
  const pool = new SegmentPool(POOL);
  const group = new FeedGroup(pool);
  const open = Array.from({ length: 11 }, () => group.open());
  const taken = open.map(takeAll);
  await Promise.all(open.map((feed, i) => feed.write(noise(10, String(i)))));
  for (const feed of open) feed.end();
  for (const [i, pieces] of (await Promise.all(taken)).entries()) {
    assert.deepEqual(concat(pieces), noise(10, String(i)));
  }
  await assertAllFree(pool, POOL.count);
});

Deno.test("a stream alone comes out in full segments", async () => {
  const feed = new FeedGroup(new SegmentPool(POOL)).open();
  const taken = takeAll(feed);
  for (let i = 0; i < 25; i++) await feed.write(noise(17, String(i)));
  feed.end();
  assert.deepEqual((await taken).map(({ length }) => length), [100, 100, 100, 100, 25]);
});

Deno.test("as long as nothing is taken, no more is accepted than the pool holds", async () => {
  const pool = new SegmentPool(POOL);
  const group = new FeedGroup(pool);
  const open = Array.from({ length: 5 }, () => group.open());
  const writing = open.map((feed) => feed.write(noise(200, "much")));
  await macrotask();
  const accepted = open.reduce((sum, { bytesRead }) => sum + bytesRead, 0);
  assert.ok(accepted <= 300, `${accepted} bytes`);
  const taken = open.map(takeAll);
  await Promise.all(writing);
  for (const feed of open) feed.end();
  for (const pieces of await Promise.all(taken)) assert.deepEqual(concat(pieces), noise(200, "much"));
  await assertAllFree(pool, POOL.count);
});

Deno.test("where a segment is wanted, the fullest one is handed on", async () => {
  const group = new FeedGroup(new SegmentPool(POOL));
  const [a, b, c, d] = Array.from({ length: 4 }, () => group.open()) as [
    WritableFeed,
    WritableFeed,
    WritableFeed,
    WritableFeed,
  ];
  await a.write(noise(10, "a"));
  await b.write(noise(60, "b"));
  await c.write(noise(20, "c"));
  const waiting = d.write(noise(1, "d"));
  assert.deepEqual([a, b, c].map(({ heldBytes }) => heldBytes), [10, 0, 20]);
  (await b.next())!.segment.release();
  await waiting;
  assert.equal(d.heldBytes, 1);
});

Deno.test("a stream that is broken off fails its writer and its taker, and gives its segments back", async () => {
  const pool = new SegmentPool(POOL);
  const feed = new FeedGroup(pool).open();
  const reason = new InterruptedError("enough");
  const waiting = feed.write(noise(1000, "much"));
  await macrotask();
  feed.fail(reason);
  feed.fail(new InterruptedError("later"));
  await assert.rejects(waiting, (error) => error === reason);
  await assert.rejects(feed.write(noise(1, "more")), (error) => error === reason);
  await assert.rejects(feed.next(), (error) => error === reason);
  await assertAllFree(pool, POOL.count);
});

Deno.test("a stream that is broken off at the moment its writer gets a segment gives that back, too", async () => {
  for (let turns = 0; turns < 12; turns++) {
    const pool = new SegmentPool({ ...POOL, count: 1 });
    const feed = new FeedGroup(pool).open();
    const lent = await pool.acquire();
    const reason = new InterruptedError(`after ${turns} turns`);
    const writing = feed.write(noise(250, "much"));
    const refused = assert.rejects(writing, (error) => error === reason);
    lent.release();
    for (let turn = 0; turn < turns; turn++) await Promise.resolve();
    feed.fail(reason);
    await refused;
    await assertAllFree(pool, 1);
  }
});

Deno.test("a taker that waits is told of the end and of a failure", async () => {
  const group = new FeedGroup(new SegmentPool(POOL));
  const [ended, failed] = [group.open(), group.open()];
  const end = ended.next();
  const failure = failed.next();
  ended.end();
  failed.fail(new InterruptedError("enough"));
  assert.equal(await end, null);
  await assert.rejects(failure, InterruptedError);
});
