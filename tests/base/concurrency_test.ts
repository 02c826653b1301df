/** Many asynchronous calls, some at a time. */
import assert from "node:assert/strict";
import { BackgroundWork, mapConcurrently } from "../../src/base/concurrency.ts";
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

Deno.test("background work begins when there is room, and settles when all is over", async () => {
  const work = new BackgroundWork(2);
  const log: string[] = [];
  const piece = (name: string, turns: number) => async () => {
    log.push(`${name} begins`);
    for (let i = 0; i < turns; i++) await macrotask();
    log.push(`${name} ends`);
  };
  await work.begin(piece("a", 3));
  await work.begin(piece("b", 1));
  await work.begin(piece("c", 1));
  assert.deepEqual(log, ["a begins", "b begins", "b ends", "c begins"]);
  await work.settle();
  assert.deepEqual(log.slice(4).sort(), ["a ends", "c ends"]);
  await work.settle();
});

Deno.test("the first failure of background work is thrown by every later call, and no more work begins", async () => {
  const work = new BackgroundWork(2);
  await work.begin(async () => {
    await macrotask();
    throw new RangeError("first");
  });
  await work.begin(async () => {
    for (let i = 0; i < 3; i++) await macrotask();
    throw new RangeError("second");
  });
  const never = () => Promise.reject(new Error("never"));
  await assert.rejects(work.begin(never), { message: "first" });
  await assert.rejects(work.settle(), { message: "first" });
  for (let i = 0; i < 3; i++) await assert.rejects(work.begin(never), { message: "first" });
});
