/** What is decrypted together: blobs whose counters follow each other, and no others. */
import assert from "node:assert/strict";
import { planDecryption } from "../../src/crypto/decryption_plan.ts";
import { writeCounter } from "../../src/crypto/counter.ts";

const OVERHEAD = 32;

/** Plans blobs given as [blocks from the common start, bytes of payload]. */
function plan(blobs: readonly (readonly [number, number])[]) {
  const slot = 16;
  const bytes = new Uint8Array(blobs.length * slot);
  const start = new Uint8Array(16).fill(0xff);
  blobs.forEach(([blocks], i) => writeCounter(bytes, i * slot, start, blocks));
  const pieces = blobs.map(([, length], i) => ({ offset: i * slot, length: length + OVERHEAD }));
  return planDecryption(bytes, pieces, OVERHEAD);
}

Deno.test("blobs of one run make one group, across the wrap and over small gaps", () => {
  assert.deepEqual(plan([[0, 10], [1, 33], [4, 16], [100, 5]]), [
    { members: [0, 1, 2, 3], offsets: [0, 16, 64, 1600], length: 1605 },
  ]);
});

Deno.test("a group ends where counters overlap, go back or leap", () => {
  const members = (blobs: readonly (readonly [number, number])[]) => plan(blobs).map((group) => group.members);
  assert.deepEqual(members([[0, 17], [1, 10]]), [[0], [1]]);
  assert.deepEqual(members([[5, 10], [0, 10]]), [[0], [1]]);
  assert.deepEqual(members([[5, 10], [5, 10]]), [[0], [1]]);
  assert.deepEqual(members([[0, 16], [1 + 4096, 10], [1 + 4097, 10]]), [[0, 1, 2]]);
  assert.deepEqual(members([[0, 16], [2 + 4096, 10], [2 + 4097, 10]]), [[0], [1, 2]]);
});

Deno.test("a group does not outgrow 1 MiB", () => {
  const blobs = Array.from({ length: 40 }, (_, i) => [i * 4096, 65536] as const);
  assert.deepEqual(plan(blobs).map((group) => group.length), [2 ** 20, 2 ** 20, 2 ** 19]);
});

Deno.test("no blobs, no groups", () => assert.deepEqual(plan([]), []));
