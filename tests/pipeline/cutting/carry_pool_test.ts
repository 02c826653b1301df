/** Memory for chunks that span segments: lent in the size that is asked for, and again once it came back. */
import assert from "node:assert/strict";
import { CarryPool } from "../../../src/pipeline/cutting/carry_pool.ts";

Deno.test("what came back is lent again, if it has the size", () => {
  const pool = new CarryPool(2);
  const [small, large] = [pool.take(10), pool.take(20)];
  assert.deepEqual([small.length, large.length], [10, 20]);
  pool.giveBack(small);
  pool.giveBack(large);
  assert.equal(pool.take(10), small);
  assert.notEqual(pool.take(10), small);
  assert.equal(pool.take(20), large);
});

Deno.test("of what came back, only so many are kept, the last ones", () => {
  const pool = new CarryPool(2);
  const buffers = [pool.take(10), pool.take(10), pool.take(10)];
  for (const buffer of buffers) pool.giveBack(buffer);
  const again = [pool.take(10), pool.take(10), pool.take(10)];
  assert.deepEqual(again.map((buffer) => buffers.indexOf(buffer)), [2, 1, -1]);
});
