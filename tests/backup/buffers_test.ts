/** How much is in flight: the usual numbers with plenty, and within the buffers where they are few. */
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  BATCH_BYTES,
  batchesAhead,
  checkBufferBytes,
  checkThreads,
  packBytesFor,
  pruneReads,
  SEGMENT_BYTES,
  segmentCount,
} from "../../src/backup/buffers.ts";

const MIB = 1024 * 1024;

Deno.test("with plenty of memory everything is as large as makes it fast", () => {
  for (const limits of [{ blobThreads: 2 }, { blobThreads: 2, bufferBytes: 16 * 1024 * MIB }]) {
    assert.deepEqual(
      [
        segmentCount(limits),
        packBytesFor(limits, 1),
        packBytesFor(limits, 3),
        batchesAhead(limits),
        pruneReads(limits),
      ],
      [8, 8 * MIB, 8 * MIB, 6, 4],
    );
    assert.deepEqual([checkBufferBytes(limits), checkThreads({ blobThreads: 8 })], [16 * MIB, 4]);
  }
});

Deno.test("packs are halved where several of them would not fit, and never below 4 MiB", () => {
  const sizes = [128, 64, 32, 16, 0].map((mib) => packBytesFor({ blobThreads: 2, bufferBytes: mib * MIB }, 1) / MIB);
  assert.deepEqual(sizes, [8, 8, 4, 4, 4]);
  assert.equal(packBytesFor({ blobThreads: 2, bufferBytes: 64 * MIB }, 3), 4 * MIB);
});

Deno.test("what a backup, a restore, a prune and a check hold fits into the buffers from 32 MiB on", () => {
  fc.assert(
    fc.property(fc.integer({ min: 32, max: 4096 }), fc.integer({ min: 1, max: 8 }), (mib, blobThreads) => {
      const bufferBytes = mib * MIB;
      const limits = { blobThreads, bufferBytes };
      const packs = 3 * packBytesFor(limits, 1) + 4 * MIB;
      assert.ok(2 * segmentCount(limits) * SEGMENT_BYTES + packs <= bufferBytes, "a backup");
      assert.ok(3 * batchesAhead(limits) * BATCH_BYTES <= bufferBytes, "a restore");
      assert.ok(8 * MIB * pruneReads(limits) + packs <= bufferBytes, "a prune");
      assert.ok(checkBufferBytes(limits) <= bufferBytes, "a check");
    }),
    { seed: 10, numRuns: 500 },
  );
});
