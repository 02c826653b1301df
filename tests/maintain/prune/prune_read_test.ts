/** What a prune reads: every blob that is wanted once, in reads of one type that fit into memory. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { READ_BYTES, READ_PLAINTEXT_BYTES } from "../../../src/backup/buffers.ts";
import type { IndexId } from "../../../src/base/id.ts";
import { decodePacks } from "../../../src/pipeline/index/read_index.ts";
import { encodeIndex } from "../../helpers/encode_index.ts";
import { plaintextLength } from "../../../src/format/pack_header.ts";
import { type BlobCopy, PruneIndex } from "../../../src/maintain/prune/prune_index.ts";
import { planReads } from "../../../src/maintain/prune/prune_read.ts";
import { noise } from "../../helpers/world.ts";

const pack = fc.array(
  fc.record({
    type: fc.constantFrom("data" as const, "tree" as const),
    length: fc.oneof(fc.integer({ min: 40, max: 90_000 }), fc.integer({ min: 500_000, max: 3_000_000 })),
    ratio: fc.integer({ min: 0, max: 4 }),
    isWanted: fc.boolean(),
  }),
  { minLength: 1, maxLength: 40 },
);

Deno.test("every wanted blob of any packs is read exactly once, and no read exceeds its bounds", () => {
  fc.assert(
    fc.property(fc.array(pack, { minLength: 1, maxLength: 3 }), (packs) => {
      const index = new PruneIndex();
      const wanted = new Set<number>();
      let number = 0;
      const indexed = packs.map((blobs, p) => {
        let offset = 0;
        return {
          id: noise(32, `pack ${p}`),
          blobs: blobs.map(({ type, length, ratio, isWanted }) => {
            if (isWanted) wanted.add(number);
            const blob = { type, id: noise(32, `${number++}`), offset, length, uncompressedLength: ratio * length };
            offset += length;
            return blob;
          }),
        };
      });
      index.addFile("1".repeat(64) as IndexId, decodePacks(encodeIndex(indexed), "an index", { wantsHeaders: false }));
      const read: number[] = [];
      for (const { offset, length, blobs } of planReads(index, packs.keys(), (copy) => wanted.has(copy.number))) {
        read.push(...blobs.map((copy) => copy.number));
        const plaintext = blobs.reduce((sum, copy) => sum + plaintextLength(copy), 0);
        assert.ok(blobs.length === 1 || length <= READ_BYTES && plaintext <= READ_PLAINTEXT_BYTES);
        assert.equal(new Set(blobs.map(({ type }) => type)).size, 1);
        const isWithin = (copy: BlobCopy) => copy.offset >= offset && copy.offset + copy.length <= offset + length;
        assert.ok(blobs.every(isWithin));
      }
      assert.deepEqual(read.sort((a, b) => a - b), [...wanted].sort((a, b) => a - b));
    }),
    { numRuns: 100, seed: 13 },
  );
});
