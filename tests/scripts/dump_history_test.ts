/** Which rows of a made dump change on which night. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { type Change, RowHistory, rowsOnNight } from "../../scripts/dumps/history.ts";

/** The state of every row on a night as `[bornNight, changedNight]`. */
function statesOn(night: number, change: Change, rows = 2000): [number, number][] {
  const history = new RowHistory(7, 3, rows, night, change);
  const states: [number, number][] = [];
  while (history.next()) states.push([history.bornNight, history.changedNight]);
  return states;
}

Deno.test("RowHistory gives on the first night rows that never changed", () => {
  assert.deepEqual(statesOn(1, { changed: 0.5, appended: 0.5 }, 3), [[1, 1], [1, 1], [1, 1]]);
});

Deno.test("RowHistory changes every row or none at the ends of the scale", () => {
  assert.deepEqual(statesOn(2, { changed: 1, appended: 0.5 }, 2), [[1, 2], [1, 2], [2, 2]]);
  assert.deepEqual(statesOn(2, { changed: 0, appended: 0.5 }, 2), [[1, 1], [1, 1], [2, 2]]);
});

Deno.test("RowHistory counts rows as rowsOnNight() does, and a row born on a night is not changed before the next", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 6 }),
      fc.record({
        changed: fc.double({ min: 0, max: 1, noNaN: true }),
        appended: fc.double({ min: 0, max: 1, noNaN: true }),
      }),
      (night, change) => {
        const states = statesOn(night, change, 50);
        assert.equal(states.length, rowsOnNight(50, night, change));
        for (const [born, changed] of states) assert.ok(born <= changed && changed <= night);
      },
    ),
    { seed: 1 },
  );
});

Deno.test("RowHistory agrees on the past: a row unchanged by the last night is as it was the night before", () => {
  const change = { changed: 0.1, appended: 0.05 };
  const third = statesOn(3, change);
  statesOn(4, change).forEach(([born, changed], i) => {
    if (changed < 4) assert.deepEqual([born, changed], third[i]);
  });
});

Deno.test("RowHistory spreads the changes evenly", () => {
  const changed = statesOn(2, { changed: 0.02, appended: 0 }, 50_000).map(([, night], i) => night === 2 ? i : -1)
    .filter((i) => i >= 0);
  const firstHalf = changed.filter((i) => i < 25_000).length;
  assert.ok(Math.abs(changed.length - 1000) < 120, `${changed.length} changes`);
  assert.ok(Math.abs(firstHalf - 500) < 90, `${firstHalf} changes in the first half`);
});
