/** Bursts: a day with more backups of a series than any before, however much retention removed of those. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { momentOf } from "../../../src/policy/retention/calendar.ts";
import { type BurstCandidate, burstsOf } from "../../../src/policy/retention/retention_burst.ts";

const HOUR = 3_600_000;
const FIRST_DAY = Date.UTC(2026, 0, 1);
const firstDay = FIRST_DAY / (24 * HOUR);

/** Backups of one chain at these hours since 1 January 2026. */
function chain(hours: readonly number[], shape: Partial<BurstCandidate> = {}): BurstCandidate[] {
  return hours.map((hour, level) => ({
    series: "prod/shop",
    host: "db1",
    time: momentOf(new Date(FIRST_DAY + hour * HOUR)),
    level,
    base: "base",
    ...shape,
  }));
}

const found = (backups: readonly BurstCandidate[], day: number) =>
  burstsOf(backups, momentOf(new Date(FIRST_DAY + (day * 24 + 23) * HOUR)));

Deno.test("a day that has more backups of a series than any before is told, for a week", () => {
  const nightly = [2, 26, 50];
  const forged = [73, 74, 75];
  const backups = chain([...nightly, ...forged]);
  const burst = { series: "prod/shop", host: "db1", day: firstDay + 3, count: 3, most: 1 };
  assert.deepEqual(found(backups, 3), [burst]);
  assert.deepEqual(found(chain([...nightly, ...forged, 98]), 4), [burst], "also once a real one came behind them");
  assert.deepEqual(found(backups, 9), [burst]);
  assert.deepEqual(found(backups, 10), []);
  assert.deepEqual(found(chain(nightly), 2), []);
  assert.deepEqual(found(chain([1, 2, 3]), 0), [], "there is no day before");
  assert.deepEqual(found([...backups.slice(0, 3), ...chain(forged, { host: "db2" })], 3), [], "each host on its own");
  const foreign = { level: null, base: null };
  assert.deepEqual(found(chain([...nightly, ...forged], foreign), 3), [burst], "snapshots of other tools, too");
});

Deno.test("what retention removed is counted: levels tell how many came", () => {
  const hourly = chain(Array.from({ length: 72 }, (_, hour) => hour));
  const thinned = hourly.filter((_, hour) => hour >= 49 || hour % 24 === 23);
  assert.deepEqual(found(thinned, 2), []);
  const forged = chain(Array.from({ length: 100 }, (_, i) => 48 + i / 10)).map((backup, i) => ({
    ...backup,
    level: 48 + i,
  }));
  const [burst] = found([...thinned.slice(0, 2), ...forged], 2);
  // 23 hours of the day before are gone, and each side of them may have been that day's.
  assert.deepEqual([burst?.count, burst?.most], [100, 24]);
});

Deno.test("a long history sets no measure: two on one day are a burst where one came every night", () => {
  const nights = chain(Array.from({ length: 700 }, (_, night) => 24 * night + 2));
  const forged = chain([699 * 24 + 3, 699 * 24 + 4]).map((backup, i) => ({ ...backup, level: 700 + i }));
  const within = nights.slice(-30);
  const [burst] = found([...within, ...forged], 699);
  assert.deepEqual([burst?.count, burst?.most], [3, 1]);
  const thinned = nights.filter((_, night) => night % 30 === 0 || night > 692);
  const more = chain(Array.from({ length: 4 }, (_, i) => 699 * 24 + 3 + i)).map((backup, i) => ({
    ...backup,
    level: 700 + i,
  }));
  assert.equal(found([...thinned, ...more], 699)[0]?.count, 5);
  assert.deepEqual(found(thinned, 699), []);
});

Deno.test("a series that comes as often every day is never told of, whatever retention leaves of each day", () => {
  const history = fc.record({
    perDay: fc.integer({ min: 1, max: 24 }),
    days: fc.integer({ min: 1, max: 12 }),
    kept: fc.infiniteStream(fc.boolean()),
  });
  fc.assert(fc.property(history, ({ perDay, days, kept }) => {
    const hours = Array.from({ length: perDay * days }, (_, i) => 24 * Math.floor(i / perDay) + (i % perDay) * 0.9);
    // Of each day something stays, and so does the first backup of all.
    const left = chain(hours).filter((_, i) => i === 0 || i % perDay === perDay - 1 || kept.next().value);
    assert.deepEqual(found(left, days - 1), []);
  }));
});

Deno.test("a day that outdoes all before it is told of, in whatever order backups are given", () => {
  const days = fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 6 });
  fc.assert(fc.property(days, fc.integer({ min: 1, max: 5 }), fc.infiniteStream(fc.nat()), (counts, more, random) => {
    const all = [...counts, Math.max(...counts) + more];
    const hours = all.flatMap((count, day) => Array.from({ length: count }, (_, i) => 24 * day + i));
    const shuffled = chain(hours).map((backup) => ({ backup, at: random.next().value })).sort((a, b) => a.at - b.at);
    const [burst] = found(shuffled.map(({ backup }) => backup), all.length - 1);
    assert.deepEqual([burst?.count, burst?.most], [all.at(-1), Math.max(...counts)]);
  }));
});
