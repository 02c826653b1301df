/** The budget: plenty changes nothing, little takes threads first, and no amount leaves nothing. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { memoryBudget } from "../../src/base/memory_budget.ts";

const MIB = 1024 * 1024;
const limits = fc.integer({ min: 0, max: 64 * 1024 }).map((mib) => mib * MIB);
const cores = fc.integer({ min: 1, max: 128 });

Deno.test("with plenty of memory there are as many threads as cores, at least 2 and at most 8", () => {
  const threads = [1, 2, 4, 8, 64].map((cores) => memoryBudget({ limitBytes: 16 * 1024 * MIB, cores }).blobThreads);
  assert.deepEqual(threads, [2, 2, 4, 8, 8]);
});

Deno.test("192 MiB leave room for two threads and 64 MiB of buffers, 128 MiB for one and the least of buffers", () => {
  const [some, few] = [192, 128].map((mib) => memoryBudget({ limitBytes: mib * MIB, cores: 2 }));
  assert.deepEqual(some, { blobThreads: 2, bufferBytes: 64 * MIB, keyThreads: 1 });
  assert.deepEqual(few, { blobThreads: 1, bufferBytes: 16 * MIB, keyThreads: 1 });
});

Deno.test("keys are derived on two threads where there are two cores and 288 MiB", () => {
  const threadsOf = (mib: number, cores: number) => memoryBudget({ limitBytes: mib * MIB, cores }).keyThreads;
  assert.deepEqual([threadsOf(4096, 1), threadsOf(4096, 2), threadsOf(287, 2), threadsOf(288, 2)], [1, 2, 1, 2]);
});

Deno.test("more memory never means fewer threads, and there is always something to work with", () => {
  fc.assert(
    fc.property(limits, limits, cores, (a, b, cores) => {
      const [less, more] = [Math.min(a, b), Math.max(a, b)].map((limitBytes) => memoryBudget({ limitBytes, cores }));
      assert.ok(less!.blobThreads >= 1 && less!.bufferBytes >= 16 * MIB);
      assert.ok(less!.blobThreads <= more!.blobThreads);
    }),
    { seed: 10, numRuns: 500 },
  );
});

Deno.test("from 192 MiB on, runtime, threads and buffers together stay within the limit", () => {
  fc.assert(
    fc.property(limits.filter((limit) => limit >= 192 * MIB), cores, (limitBytes, cores) => {
      const { blobThreads, bufferBytes } = memoryBudget({ limitBytes, cores });
      assert.ok(96 * MIB + blobThreads * 16 * MIB + bufferBytes <= limitBytes);
    }),
    { seed: 10, numRuns: 500 },
  );
});
