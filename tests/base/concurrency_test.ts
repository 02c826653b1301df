/** Many asynchronous calls, some at a time. */
import assert from "node:assert/strict";
import { mapConcurrently } from "../../src/base/concurrency.ts";
import { macrotask } from "../helpers/world.ts";

Deno.test("results come in the order of the items, and no more calls than allowed are under way", async () => {
  let running = 0;
  let most = 0;
  const results = await mapConcurrently([5, 1, 4, 2, 3, 0], 3, async (turns, position) => {
    most = Math.max(most, ++running);
    for (let i = 0; i < turns; i++) await macrotask();
    running--;
    return `${position}:${turns}`;
  });
  assert.deepEqual(results, ["0:5", "1:1", "2:4", "3:2", "4:3", "5:0"]);
  assert.equal(most, 3);
});

Deno.test("the first failure is thrown when the calls under way are over, and none begins after it", async () => {
  const begun: number[] = [];
  const ended: number[] = [];
  const work = async (item: number) => {
    begun.push(item);
    await macrotask();
    if (item === 1) throw new RangeError("first");
    await macrotask();
    ended.push(item);
    if (item === 0) throw new RangeError("second");
  };
  await assert.rejects(mapConcurrently([0, 1, 2, 3], 2, work), { message: "first" });
  assert.deepEqual({ begun, ended }, { begun: [0, 1], ended: [0] });
});

Deno.test("nothing to do is done at once", async () => {
  assert.deepEqual(await mapConcurrently([], 4, () => Promise.reject(new Error("never"))), []);
});
