/** Rotation: the first backup of each of the last units, and whatever lies in the future. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { dayOf } from "../../../src/policy/retention/calendar.ts";
import { applyRotation, DEFAULT_ROTATION } from "../../../src/policy/retention/retention_rotation.ts";
import { candidate, candidates, nows } from "../candidates.ts";

/** A Wednesday. */
const NOW = new Date("2026-01-14T12:00:00Z");
const NONE = { ...DEFAULT_ROTATION, days: 0, weeks: 0, months: 0, years: 0 };

function kept(times: readonly string[], rotation: Partial<typeof NONE>, now = NOW): Record<string, string> {
  const judgements = applyRotation(times.map((time) => candidate(time)), { ...NONE, ...rotation }, now).reverse();
  return Object.fromEntries(
    judgements.filter(({ matches }) => matches.length > 0).map((
      { backup, matches },
    ) => [backup.id, matches.join(", ")]),
  );
}

Deno.test("of each of the last days the first backup is kept, today included", () => {
  const times = [
    "2026-01-12T23:59:59Z",
    "2026-01-13T00:00:00Z",
    "2026-01-13T04:00:00Z",
    "2026-01-14T01:00:00Z",
    "2026-01-14T02:00:00Z",
  ];
  const first = "first of its day";
  assert.deepEqual(kept(times, { days: 2 }), { "2026-01-13T00:00:00Z": first, "2026-01-14T01:00:00Z": first });
  assert.deepEqual(Object.keys(kept(times, { days: Infinity })).length, 3);
});

Deno.test("weeks begin on Saturday unless told otherwise", () => {
  const times = ["2026-01-09", "2026-01-10", "2026-01-11", "2026-01-12", "2026-01-13"];
  const first = "first of its week";
  assert.deepEqual(kept(times, { weeks: 1 }), { "2026-01-10": first });
  assert.deepEqual(kept(times, { weeks: 2 }), { "2026-01-09": first, "2026-01-10": first });
  assert.deepEqual(kept(times, { weeks: 1, firstWeekDay: 0 }), { "2026-01-12": first });
  assert.deepEqual(kept(times, { weeks: 1, firstWeekDay: 6 }), { "2026-01-11": first });
});

Deno.test("months are looked back over the end of the year", () => {
  const times = ["2025-10-31", "2025-11-02", "2025-11-20", "2025-12-31", "2026-01-02", "2026-01-03"];
  const first = "first of its month";
  assert.deepEqual(kept(times, { months: 3 }), { "2025-11-02": first, "2025-12-31": first, "2026-01-02": first });
});

Deno.test("of each of the last years the first backup is kept, this one included, and none without being asked", () => {
  const times = ["2023-05-01", "2024-12-31", "2024-02-29", "2025-12-31T23:30:00-01:00", "2026-01-02", "2026-01-03"];
  const first = "first of its year";
  assert.deepEqual(kept(times, { years: 1 }), { "2025-12-31T23:30:00-01:00": first });
  assert.deepEqual(kept(times, { years: 3 }), { "2024-02-29": first, "2025-12-31T23:30:00-01:00": first });
  assert.deepEqual(Object.keys(kept(times, { years: Infinity })).length, 3);
  assert.equal(DEFAULT_ROTATION.years, 0);
});

Deno.test("days are those of UTC, whatever zone a backup was made in", () => {
  const times = ["2026-01-14T00:30:00+02:00", "2026-01-14T02:30:00+02:00"];
  assert.deepEqual(Object.keys(kept(times, { days: 1 })), ["2026-01-14T02:30:00+02:00"]);
});

Deno.test("whatever lies in the future is kept and takes nobody's place", () => {
  assert.deepEqual(kept(["2026-01-14T11:00:00Z", "2026-01-14T13:00:00Z", "2030-01-01"], { days: 1 }), {
    "2026-01-14T11:00:00Z": "first of its day",
    "2026-01-14T13:00:00Z": "in the future",
    "2030-01-01": "in the future",
  });
});

Deno.test("the defaults keep a week of days, six weeks and half a year of months", () => {
  const days = Array.from({ length: 400 }, (_, i) => new Date(Date.UTC(2024, 11, 11) + i * 86_400_000).toISOString());
  assert.deepEqual(Object.keys(kept(days, DEFAULT_ROTATION)).map((time) => time.slice(0, 10)), [
    "2025-08-01",
    "2025-09-01",
    "2025-10-01",
    "2025-11-01",
    "2025-12-01",
    "2025-12-06",
    "2025-12-13",
    "2025-12-20",
    "2025-12-27",
    "2026-01-01",
    "2026-01-03",
    "2026-01-08",
    "2026-01-09",
    "2026-01-10",
    "2026-01-11",
    "2026-01-12",
    "2026-01-13",
    "2026-01-14",
  ]);
});

Deno.test("no more is kept than units are asked for, and more units never keep less", () => {
  const counts = fc.integer({ min: 0, max: 12 });
  fc.assert(fc.property(candidates, nows, fc.tuple(counts, counts, counts, counts), (backups, now, lookBack) => {
    const [days, weeks, months, years] = lookBack;
    const keptIds = (rotation: typeof NONE) =>
      new Set(
        applyRotation(backups, rotation, now).filter(({ matches }) => matches.length > 0).map(({ backup }) =>
          backup.id
        ),
      );
    const rotation = { ...NONE, days, weeks, months, years };
    const future = backups.filter(({ time }) => time.nanoseconds > BigInt(now.getTime()) * 1_000_000n);
    const ids = keptIds(rotation);
    assert.ok(ids.size <= days + weeks + months + years + future.length);
    for (const { id } of future) assert.ok(ids.has(id));
    assert.ok(ids.isSubsetOf(keptIds({ ...rotation, days: days + 1, months: months + 2, years: years + 1 })));
    const without = keptIds({ ...rotation, years: 0 });
    const ofYears = keptIds({ ...NONE, years });
    assert.deepEqual(ids, without.union(ofYears), "what a unit keeps does not depend on the others");
    const days1 = applyRotation(backups, { ...NONE, days }, now).filter(({ matches }) =>
      matches[0] === "first of its day"
    );
    const numbers = days1.map(({ backup }) => dayOf({ ...backup.time, offsetMinutes: 0 }));
    assert.equal(new Set(numbers).size, numbers.length, "one of each day");
  }));
});
