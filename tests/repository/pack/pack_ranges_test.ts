/** Ranges of packs: every wanted blob lies in one of them, none is larger than it may be, and none could be joined. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { plaintextLength } from "../../../src/format/pack_header.ts";
import { type PlannedRange, planRanges, type RangeLimits } from "../../../src/repository/pack/pack_ranges.ts";

interface Extent {
  readonly offset: number;
  readonly length: number;
  readonly uncompressedLength: number;
}

/** Blobs in the order of their offsets, some back to back, some far apart, some described as if they overlapped. */
const extents: fc.Arbitrary<Extent[]> = fc.array(
  fc.record({
    hole: fc.oneof(fc.constant(0), fc.nat(500), fc.integer({ min: -30, max: 0 })),
    length: fc.integer({ min: 33, max: 400 }),
    compressed: fc.boolean(),
  }),
  { maxLength: 60 },
).map((blobs) => {
  let last = { offset: 0, length: 0 };
  return blobs.map(({ hole, length, compressed }) => {
    const offset = Math.max(last.offset, last.offset + last.length + hole);
    last = { offset, length };
    return { ...last, uncompressedLength: compressed ? length * 3 : 0 };
  });
});

const limits: fc.Arbitrary<RangeLimits> = fc.record({
  gapBytes: fc.nat(300),
  mostBytes: fc.oneof(fc.constant(Infinity), fc.integer({ min: 1, max: 1500 })),
  mostPlaintextBytes: fc.oneof(fc.constant(Infinity), fc.integer({ min: 1, max: 3000 })),
});

const plaintextOf = (blobs: readonly Extent[]) => blobs.reduce((sum, blob) => sum + plaintextLength(blob), 0);

function fits({ length, blobs }: Omit<PlannedRange<Extent>, "offset">, limits: RangeLimits): boolean {
  return length <= limits.mostBytes! && plaintextOf(blobs) <= limits.mostPlaintextBytes!;
}

Deno.test("every wanted blob lies in exactly one range, which has no hole and no size that is too large", () => {
  fc.assert(
    fc.property(extents, limits, (wanted, limits) => {
      const ranges = [...planRanges(wanted, limits)];
      assert.deepEqual(ranges.flatMap(({ blobs }) => blobs), wanted);
      for (const range of ranges) {
        assert.ok(range.blobs.length === 1 || fits(range, limits), "larger than it may be");
        assert.equal(range.offset, range.blobs[0]!.offset);
        let end = range.offset;
        for (const { offset, length } of range.blobs) {
          assert.ok(offset - end <= limits.gapBytes, "a hole that is too large");
          end = Math.max(end, offset + length);
        }
        assert.equal(range.offset + range.length, end, "as long as its blobs");
      }
    }),
    { numRuns: 500, seed: 11 },
  );
});

Deno.test("a further range begins only where the blob is too far away or does not fit", () => {
  fc.assert(
    fc.property(extents, limits, (wanted, limits) => {
      const ranges = [...planRanges(wanted, limits)];
      for (const [i, range] of ranges.slice(0, -1).entries()) {
        const [next] = ranges[i + 1]!.blobs as [Extent];
        const isFar = next.offset - (range.offset + range.length) > limits.gapBytes;
        const joined = { length: next.offset + next.length - range.offset, blobs: [...range.blobs, next] };
        assert.ok(isFar || !fits(joined, limits), "it could have been taken along");
      }
    }),
    { numRuns: 500, seed: 12 },
  );
});
