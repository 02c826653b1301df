/** Tells whether a pool got all of its segments back. */
import assert from "node:assert/strict";
import type { SegmentPool } from "../../src/pipeline/segments.ts";
import { macrotask } from "../helpers/world.ts";

/** Takes all segments at once, without waiting; fails where one is missing. */
export async function assertAllFree(pool: SegmentPool, count: number): Promise<void> {
  let taken = 0;
  const segments = Array.from({ length: count }, () =>
    pool.acquire().then((segment) => {
      taken++;
      return segment;
    }));
  await macrotask();
  assert.equal(taken, count, `${count - taken} segments were not given back`);
  for (const segment of segments) (await segment).release();
}
