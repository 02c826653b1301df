/** Which runs a new one is merged with. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { runsToMerge } from "../../../src/store/sorted/merge_plan.ts";

Deno.test("a run is merged with those that are less than four times as large as what is merged so far", () => {
  assert.equal(runsToMerge([], 10), 0);
  assert.equal(runsToMerge([1000, 40], 10), 0);
  assert.equal(runsToMerge([1000, 39], 10), 1);
  assert.equal(runsToMerge([300, 49, 12], 10), 2);
  assert.equal(runsToMerge([195, 39], 10), 2);
  assert.equal(runsToMerge([5], 1000), 1);
});

Deno.test("a growing table has few runs and writes each row a few times", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 1000 }), { minLength: 1, maxLength: 400 }), (added) => {
      const sizes: number[] = [];
      let written = 0;
      for (const rows of added) {
        const merged = sizes.splice(sizes.length - runsToMerge(sizes, rows));
        sizes.push(merged.reduce((sum, size) => sum + size, rows));
        written += sizes.at(-1)!;
      }
      const total = added.reduce((sum, rows) => sum + rows, 0);
      assert.equal(sizes.reduce((sum, size) => sum + size, 0), total);
      assert.ok(sizes.every((size, i) => i === 0 || sizes[i - 1]! >= 4 * size));
      assert.ok(sizes.length <= 1 + Math.log(total) / Math.log(4));
      assert.ok(written <= total * 5 * (1 + Math.log2(added.length)), `${written} rows written for ${total}`);
    }),
  );
});
