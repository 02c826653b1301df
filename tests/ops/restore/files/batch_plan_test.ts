/** Plans of what is read together: each wanted chunk comes to its place, from where it lies. */
import { deepEqual, equal, ok } from "node:assert/strict";
import fc from "fast-check";
import { ID_BYTES, type PackId } from "../../../../src/base/id.ts";
import { COPY_FIELDS, planBatch } from "../../../../src/ops/restore/files/batch_plan.ts";
import type { WindowChunks } from "../../../../src/ops/restore/files/window_source.ts";
import { OPEN_FIELDS } from "../../../../src/pipeline/calls.ts";

const LENGTH = 10;
const GAP = 25;
const packName = (pack: number) => `pack ${pack}` as PackId;

/** Chunks at places of a grid, so that some are there twice. */
const places = fc.array(fc.record({ pack: fc.nat(2), slot: fc.nat(20) }), { minLength: 1, maxLength: 40 });

function chunksAt(given: readonly { readonly pack: number; readonly slot: number }[]): WindowChunks {
  const ids = new Uint8Array(given.length * ID_BYTES);
  given.forEach(({ pack, slot }, i) => ids.fill(pack * 32 + slot + 1, i * ID_BYTES, (i + 1) * ID_BYTES));
  return {
    ids,
    lengths: Uint32Array.from(given, ({ slot }) => slot + 1),
    packs: Uint32Array.from(given, ({ pack }) => pack),
    offsets: Uint32Array.from(given, ({ slot }) => slot * LENGTH),
    storedLengths: Uint32Array.from(given, () => LENGTH),
    uncompressedLengths: Uint32Array.from(given, ({ slot }) => slot + 1),
  };
}

Deno.test("every wanted chunk comes to its place from where it lies, and twins are read once", () => {
  fc.assert(
    fc.property(places, fc.integer({ min: 1, max: 120 }), (given, batchBytes) => {
      const chunks = chunksAt(given);
      const wanted = Uint32Array.from(given.keys()).reverse();
      for (let from = 0; from < wanted.length;) {
        const plan = planBatch(chunks, packName, { wanted, from, batchBytes, gapBytes: GAP });
        const meant = [...wanted.subarray(from, from + plan.count)];
        ok(plan.count === 1 || plan.bytes <= batchBytes);
        equal(plan.bytes, meant.reduce((sum, chunk) => sum + chunks.lengths[chunk]!, 0));
        const read = new Map<number, string>();
        const distinct = plan.table.length / OPEN_FIELDS.count;
        for (let i = 0; i < distinct; i++) {
          const row = plan.table.subarray(i * OPEN_FIELDS.count, (i + 1) * OPEN_FIELDS.count);
          const range = plan.ranges[row[OPEN_FIELDS.part]!]!;
          ok(row[OPEN_FIELDS.offset]! + row[OPEN_FIELDS.length]! <= range.length);
          const place = `${range.pack} ${range.offset + row[OPEN_FIELDS.offset]!} ${plan.ids[i * ID_BYTES]!}`;
          read.set(row[OPEN_FIELDS.target]!, `${place} ${row[OPEN_FIELDS.uncompressedLength]!}`);
        }
        for (let i = 0; i < plan.copies.length; i += COPY_FIELDS) {
          read.set(plan.copies[i + 1]!, read.get(plan.copies[i]!)!);
        }
        let at = 0;
        const expected = new Map<number, string>();
        for (const chunk of meant) {
          const { pack, slot } = given[chunk]!;
          expected.set(at, `${packName(pack)} ${slot * LENGTH} ${pack * 32 + slot + 1} ${slot + 1}`);
          at += chunks.lengths[chunk]!;
        }
        deepEqual(new Map([...read].sort(([a], [b]) => a - b)), expected);
        equal(distinct, new Set(expected.values()).size);
        for (const [i, { pack, offset }] of plan.ranges.slice(1).entries()) {
          const before = plan.ranges[i]!;
          if (before.pack === pack) ok(offset - (before.offset + before.length) > GAP, "near chunks share a range");
        }
        from += plan.count;
      }
    }),
    { seed: 20261129, numRuns: 500 },
  );
});
