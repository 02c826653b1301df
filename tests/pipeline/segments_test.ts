/** The pool of segments: bounded, fair, and nothing gets lost. */
import assert from "node:assert/strict";
import { SegmentPool } from "../../src/pipeline/segments.ts";
import { macrotask } from "../helpers/world.ts";

Deno.test("a pool lends so many segments and makes the next taker wait for one to come back", async () => {
  const pool = new SegmentPool({ count: 2, segmentBytes: 100 });
  const first = await pool.acquire();
  const second = await pool.acquire();
  assert.equal(first.bytes.length, 100);
  assert.notEqual(first.bytes.buffer, second.bytes.buffer);
  const order: string[] = [];
  const third = pool.acquire().then((segment) => (order.push("third"), segment));
  const fourth = pool.acquire().then((segment) => (order.push("fourth"), segment));
  await macrotask();
  assert.deepEqual(order, []);
  second.release();
  assert.equal((await third).bytes.buffer, second.bytes.buffer);
  await macrotask();
  assert.deepEqual(order, ["third"]);
  first.release();
  assert.equal((await fourth).bytes.buffer, first.bytes.buffer);
});

Deno.test("a segment comes back when its last user is done", async () => {
  const pool = new SegmentPool({ count: 1, segmentBytes: 10 });
  const segment = await pool.acquire();
  segment.retain();
  let taken = false;
  const next = pool.acquire().then((other) => (taken = true, other));
  segment.release();
  await macrotask();
  assert.equal(taken, false);
  segment.release();
  (await next).release();
});

Deno.test("a segment that was given back can be neither used nor given back again", async () => {
  const pool = new SegmentPool({ count: 1, segmentBytes: 10 });
  const segment = await pool.acquire();
  segment.release();
  assert.throws(() => segment.release(), { code: "bug" });
  assert.throws(() => segment.retain(), { code: "bug" });
});

Deno.test("a larger segment takes a place of the pool but is not kept", async () => {
  const pool = new SegmentPool({ count: 1, segmentBytes: 10 });
  const large = await pool.acquire(1000);
  assert.equal(large.bytes.length, 1000);
  let taken = false;
  const next = pool.acquire().then((segment) => (taken = true, segment));
  await macrotask();
  assert.equal(taken, false);
  large.release();
  assert.equal((await next).bytes.length, 10);
});
