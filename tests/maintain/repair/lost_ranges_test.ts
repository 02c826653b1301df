/** Which bytes of a file are lost: as many as have to be told, and no more than may be. */
import { deepEqual, equal, ok } from "node:assert/strict";
import fc from "fast-check";
import {
  type FilePieces,
  joinRanges,
  lostRanges,
  MOST_RANGES,
  PieceBorders,
  shiftRange,
} from "../../../src/maintain/repair/lost_ranges.ts";

/** Pieces of which everything is known, and what of it is made known. */
const files = fc.array(fc.record({ size: fc.integer({ min: 1, max: 50 }), lost: fc.boolean(), known: fc.boolean() }), {
  maxLength: 30,
});

function piecesOf(rows: readonly { size: number; lost: boolean; known: boolean }[]): FilePieces {
  return {
    sizes: Float64Array.from(rows, ({ size, lost, known }) => lost && !known ? NaN : size),
    lost: Uint8Array.from(rows, ({ lost }) => lost ? 1 : 0),
    total: rows.reduce((sum, { size }) => sum + size, 0),
  };
}

/** 1 for each lost byte. */
function lostBytes(rows: readonly { size: number; lost: boolean }[]): number[] {
  return rows.flatMap(({ size, lost }) => Array.from({ length: size }, () => lost ? 1 : 0));
}

Deno.test("every lost byte lies in a range; exact ranges hold lost bytes only", () => {
  fc.assert(
    fc.property(files, (rows) => {
      const bytes = lostBytes(rows);
      const covered = bytes.map(() => false);
      for (const { offset, length, isExact } of lostRanges(piecesOf(rows))) {
        ok(offset >= 0 && offset + length <= bytes.length && length > 0);
        covered.fill(true, offset, offset + length);
        if (isExact) ok(bytes.slice(offset, offset + length).every((lost) => lost === 1));
      }
      bytes.forEach((lost, at) => ok(lost === 0 || covered[at], `byte ${at}`));
    }),
    { seed: 1, numRuns: 500 },
  );
});

Deno.test("with all sizes known, or one hole of unknown size, ranges are exact", () => {
  fc.assert(
    fc.property(files, (rows) => {
      const known = rows.map((row) => ({ ...row, known: true }));
      const exact = lostRanges(piecesOf(known));
      ok(exact.every(({ isExact }) => isExact));
      equal(exact.reduce((sum, { length }) => sum + length, 0), lostBytes(rows).reduce((sum, lost) => sum + lost, 0));
    }),
    { seed: 2, numRuns: 200 },
  );
  const hole = { sizes: Float64Array.of(10, NaN, NaN, 30), lost: Uint8Array.of(0, 1, 1, 0), total: 100 };
  deepEqual(lostRanges(hole), [{ offset: 10, length: 60, isExact: true }]);
});

Deno.test("of several holes of unknown size each is told as far as its neighbours let it be", () => {
  const sizes = Float64Array.of(10, NaN, 20, NaN, 30);
  const found = lostRanges({ sizes, lost: Uint8Array.of(0, 1, 0, 1, 0), total: 100 });
  deepEqual(found, [{ offset: 10, length: 40, isExact: false }, { offset: 30, length: 40, isExact: false }]);
});

Deno.test("ranges of a part become ranges of the stream, and join over borders of parts", () => {
  const borders = new PieceBorders({ sizes: Float64Array.of(100, NaN, 100), lost: Uint8Array.of(0, 1, 0), total: 250 });
  deepEqual(borders.at(2), { low: 150, high: 150 });
  const last = shiftRange({ offset: 0, length: 7, isExact: true }, borders.at(2));
  const whole = { offset: 100, length: 50, isExact: true };
  deepEqual(joinRanges([whole, last]), [{ offset: 100, length: 57, isExact: true }]);
  const vague = shiftRange({ offset: 5, length: 7, isExact: true }, { low: 100, high: 140 });
  deepEqual(vague, { offset: 105, length: 47, isExact: false });
});

Deno.test("ranges beyond the limit become one that holds all further lost bytes", () => {
  const count = 2 * MOST_RANGES + 10;
  const pieces = {
    sizes: new Float64Array(count).fill(3),
    lost: Uint8Array.from({ length: count }, (_, i) => i % 2),
    total: 3 * count,
  };
  const ranges = lostRanges(pieces);
  equal(ranges.length, MOST_RANGES);
  deepEqual(ranges[MOST_RANGES - 2], { offset: 6 * (MOST_RANGES - 2) + 3, length: 3, isExact: true });
  const offset = 6 * (MOST_RANGES - 1) + 3;
  deepEqual(ranges.at(-1), { offset, length: 3 * count - offset, isExact: false });
  deepEqual(joinRanges([...ranges, { offset: 3 * count + 5, length: 1, isExact: true }]).length, MOST_RANGES);
});
