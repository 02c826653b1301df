/** Shrinking: which stream a smaller one is compared with, and from where on it has shrunk. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { UsageError } from "../../src/base/errors.ts";
import { parseMinOfParent, shrunkFrom } from "../../src/policy/shrinkage.ts";

const DAY_MS = 86_400_000;
const NOW_MS = Date.UTC(2026, 0, 31);

function on(day: number, size: number, format = "mysqldump") {
  return { startedMs: Date.UTC(2026, 0, day), size, format };
}

const half = { percent: 50, nowMs: NOW_MS };

Deno.test("a stream has shrunk below the share, not at it", () => {
  const before = on(1, 1001);
  assert.equal(shrunkFrom(on(31, 500), [before], half), before);
  assert.equal(shrunkFrom(on(31, 501), [before], half), null);
  assert.equal(shrunkFrom(on(31, 500), [on(1, 1000)], half), null);
  assert.equal(shrunkFrom(on(31, 999), [on(1, 1000)], { ...half, percent: 100 })?.size, 1000);
  assert.equal(shrunkFrom(on(31, 1000), [on(1, 1000)], { ...half, percent: 100 }), null);
  assert.equal(shrunkFrom(on(31, 9), [on(1, 1000)], { ...half, percent: 1 })?.size, 1000);
});

Deno.test("the first stream, and one after an empty one, have not shrunk", () => {
  assert.equal(shrunkFrom(on(31, 0), [], half), null);
  assert.equal(shrunkFrom(on(31, 0), [on(1, 0)], half), null);
});

Deno.test("only streams of one format and one container are compared", () => {
  const plain = on(1, 1000);
  const packed = on(2, 200, "gzip+mysqldump");
  assert.equal(shrunkFrom(on(31, 150, "gzip+mysqldump"), [plain, packed], half), null);
  assert.equal(shrunkFrom(on(31, 450), [plain, packed], half), plain);
  assert.equal(shrunkFrom(on(31, 1, "none"), [plain, packed], half), null);
  const unknown = on(3, 1000, "none");
  assert.equal(shrunkFrom(on(31, 1, "none"), [plain, packed, unknown], half), unknown);
});

Deno.test("a stream of no bytes is compared with the newest of any format", () => {
  const before = [on(1, 1000), on(2, 200, "gzip+mysqldump")];
  assert.equal(shrunkFrom(on(31, 0, "none"), before, half), before[1]);
});

Deno.test("the newest counts although it had shrunk itself: the second of the new size has not", () => {
  const [big, small] = [on(1, 1000), on(2, 100)];
  assert.equal(shrunkFrom(small, [big], half), big);
  assert.equal(shrunkFrom(on(31, 100), [big, small], half), null);
});

Deno.test("streams of the future count only where there are no others", () => {
  const [past, future] = [on(1, 100), { ...on(1, 1000), startedMs: NOW_MS + DAY_MS }];
  assert.equal(shrunkFrom(on(31, 90), [past, future], half), null);
  assert.equal(shrunkFrom(on(31, 90), [future], half), future);
});

Deno.test("whether a stream has shrunk is decided by the newest comparable one alone", () => {
  const stream = fc.record({
    size: fc.nat(2000),
    format: fc.constantFrom("none", "gzip", "mysqldump"),
    startedMs: fc.integer({ min: NOW_MS - 30 * DAY_MS, max: NOW_MS }),
  });
  const rule = fc.integer({ min: 1, max: 100 });
  fc.assert(
    fc.property(stream, fc.array(stream, { maxLength: 6 }), rule, (now, earlier, percent) => {
      const oldestFirst = earlier.toSorted((a, b) => a.startedMs - b.startedMs);
      const newest = oldestFirst.filter(({ format }) => format === now.format || now.size === 0).at(-1);
      const from = shrunkFrom(now, oldestFirst, { percent, nowMs: NOW_MS });
      if (newest === undefined || now.size >= newest.size * percent / 100) assert.equal(from, null);
      else assert.equal(from, newest);
    }),
    { numRuns: 500, seed: 21 },
  );
});

Deno.test("a share is written with or without a percent sign, or is off", () => {
  for (const text of ["50%", "50", "50 %"]) assert.equal(parseMinOfParent(text), 50);
  assert.equal(parseMinOfParent("1"), 1);
  assert.equal(parseMinOfParent("100%"), 100);
  assert.equal(parseMinOfParent("off"), "off");
  for (const text of ["", "0", "0%", "101", "-1", "0.5", "50%%", "half", "OFF", "1e1", "50 percent"]) {
    assert.throws(() => parseMinOfParent(text), UsageError, text);
  }
});
