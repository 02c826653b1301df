/** Plans of what to read: every range is right, gaps are merged, and what repeats is read once. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { IntegrityError } from "../../../src/base/errors.ts";
import { plaintextLength } from "../../../src/format/pack_header.ts";
import { PlacedIndex } from "../../../src/repository/index/blob_index.ts";
import { planRead, type ReadPlan, type ReadPlanLimits } from "../../../src/repository/pack/read_plan.ts";
import { concat, noise } from "../../helpers/world.ts";

interface StoredBlob {
  readonly id: Uint8Array;
  readonly pack: number;
  readonly offset: number;
  readonly length: number;
  readonly uncompressedLength: number;
}

const ids = Array.from({ length: 60 }, (_, i) => noise(32, `blob ${i}`));
const packIds = Array.from({ length: 3 }, (_, i) => noise(32, `pack ${i}`));

/** Blobs back to back in three packs, and a content list that takes some of them, in any order and again and again. */
const stored = fc.record({
  shapes: fc.array(fc.tuple(fc.nat(2), fc.integer({ min: 33, max: 300 }), fc.boolean()), {
    minLength: 1,
    maxLength: 60,
  }),
  wanted: fc.array(fc.nat(59), { minLength: 1, maxLength: 120 }),
  limits: fc.record({ batchBytes: fc.integer({ min: 1, max: 3000 }), gapBytes: fc.nat(400) }),
}).map(({ shapes, wanted, limits }) => {
  const ends = [0, 0, 0];
  const blobs = shapes.map(([pack, length, compressed], i): StoredBlob => {
    const offset = ends[pack]!;
    ends[pack]! += length;
    return { id: ids[i]!, pack, offset, length, uncompressedLength: compressed ? length * 2 : 0 };
  });
  return { blobs, content: wanted.map((n) => blobs[n % blobs.length]!), limits };
});

function indexOf(blobs: readonly StoredBlob[]): PlacedIndex {
  const index = new PlacedIndex();
  for (const id of packIds) index.addPack(id);
  for (const { id, ...place } of blobs) index.add("data", place, id);
  return index;
}

/** Reads as the plan says: which bytes of which blob land where; every byte must be written exactly once. */
function checkBatch(plan: ReadPlan, chunks: readonly StoredBlob[], limits: ReadPlanLimits): void {
  const segment: string[] = [];
  const write = (at: number, length: number, what: (i: number) => string) => {
    for (let i = 0; i < length; i++) {
      assert.equal(segment[at + i], undefined, "a byte is written twice");
      segment[at + i] = what(i);
    }
  };
  for (const blob of plan.blobs) {
    const chunk = chunks[blob.position]!;
    const range = plan.ranges[blob.range]!;
    assert.equal(range.pack, packIds[chunk.pack]!.toHex());
    assert.equal(range.offset + blob.offset, chunk.offset);
    assert.equal(blob.length, chunk.length);
    assert.equal(blob.uncompressedLength, chunk.uncompressedLength);
    assert.ok(blob.offset + blob.length <= range.length);
    write(blob.target, plaintextLength(chunk), (i) => `${chunk.pack}/${chunk.offset}/${i}`);
  }
  for (const { from, to, length } of plan.copies) write(to, length, (i) => segment[from + i]!);
  const expected = chunks.flatMap((chunk) =>
    Array.from({ length: plaintextLength(chunk) }, (_, i) => `${chunk.pack}/${chunk.offset}/${i}`)
  );
  assert.deepEqual(segment, expected);
  assert.equal(plan.bytes, expected.length);
  assert.ok(plan.bytes <= limits.batchBytes || chunks.length === 1);
  assert.equal(new Set(plan.blobs.map(({ position }) => chunks[position])).size, plan.blobs.length, "read twice");
}

/** Ranges of one pack lie further apart than a gap, and each begins and ends with a blob that is wanted. */
function checkRanges({ ranges, blobs }: ReadPlan, { gapBytes }: ReadPlanLimits): void {
  for (const [i, range] of ranges.entries()) {
    const ofRange = blobs.filter((blob) => blob.range === i).toSorted((a, b) => a.offset - b.offset);
    assert.equal(ofRange[0]!.offset, 0);
    assert.equal(ofRange.at(-1)!.offset + ofRange.at(-1)!.length, range.length);
    ofRange.slice(1).forEach((blob, n) => {
      assert.ok(blob.offset - (ofRange[n]!.offset + ofRange[n]!.length) <= gapBytes);
    });
    for (const other of ranges.slice(i + 1)) {
      if (other.pack === range.pack) assert.ok(other.offset - (range.offset + range.length) > gapBytes);
    }
  }
}

Deno.test("batches read every chunk of a content list to its place, each blob once, over as few ranges as gaps allow", () => {
  fc.assert(
    fc.property(stored, ({ blobs, content, limits }) => {
      const index = indexOf(blobs);
      const list = concat(content.map(({ id }) => id));
      let from = 0;
      while (from < content.length) {
        const plan = planRead(index, list, from, limits);
        assert.ok(plan.count > 0);
        checkBatch(plan, content.slice(from, from + plan.count), limits);
        checkRanges(plan, limits);
        const next = content[from + plan.count];
        if (next) assert.ok(plan.bytes + plaintextLength(next) > limits.batchBytes, "the batch could be larger");
        from += plan.count;
      }
      assert.equal(from, content.length);
    }),
    { numRuns: 300, seed: 8 },
  );
});

Deno.test("a blob that no index lists is named", () => {
  const index = indexOf([{ id: ids[0]!, pack: 0, offset: 0, length: 100, uncompressedLength: 0 }]);
  const limits = { batchBytes: 1000, gapBytes: 0 };
  assert.throws(() => planRead(index, concat([ids[0]!, ids[1]!]), 0, limits), (error) => {
    return error instanceof IntegrityError && error.message.includes(ids[1]!.toHex());
  });
});

Deno.test("an empty content list needs nothing", () => {
  const plan = planRead(indexOf([]), new Uint8Array(0), 0, { batchBytes: 1000, gapBytes: 0 });
  assert.deepEqual(plan, { ranges: [], blobs: [], copies: [], bytes: 0, count: 0 });
});
