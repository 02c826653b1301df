/** Backups as retention sees them, for tests of what is decided about them. */
import fc from "fast-check";
import type { Moment } from "../../src/policy/retention/calendar.ts";
import type { PlannedBackup } from "../../src/policy/retention/retention_plan.ts";
import { parseTimestamp, timestampOffsetMinutes, timestampToNanoseconds } from "../../src/format/time.ts";

/** The moment that an RFC 3339 time names. */
export function moment(text: string): Moment {
  const time = parseTimestamp(text, "a test's time");
  return { nanoseconds: timestampToNanoseconds(time), offsetMinutes: timestampOffsetMinutes(time) };
}

/** A backup of `prod/shop` on db1, named by its time. A day alone stands for its noon in UTC. */
export function candidate(text: string, shape: Partial<PlannedBackup> = {}): PlannedBackup {
  return {
    id: text,
    time: moment(text.length === 10 ? `${text}T12:00:00Z` : text),
    tags: [],
    runType: null,
    series: "prod/shop",
    host: "db1",
    paths: ["/prod/shop"],
    health: "ok",
    shrunk: false,
    ...shape,
  };
}

/** Backups at any times of some years, often in one unit, of several series, hosts, zones, tags and run types. */
export const candidates: fc.Arbitrary<PlannedBackup[]> = fc.array(
  fc.record({
    minutes: fc.oneof(fc.integer({ min: 0, max: 3_000 }), fc.integer({ min: 0, max: 2_000_000 })),
    offsetMinutes: fc.constantFrom(0, 120, -480, 330, 840),
    tags: fc.subarray(["nightly", "keep", "hold"]),
    runType: fc.constantFrom(null, "hourly", "daily", "yearly"),
    series: fc.constantFrom("prod/shop", "dev"),
    host: fc.constantFrom("db1", "db2"),
    health: fc.constantFrom("ok", "unjudged", "unknown", "empty", "broken"),
    shrunk: fc.boolean(),
  }),
  { maxLength: 40 },
).map((rows) =>
  rows.map(({ minutes, offsetMinutes, ...row }, i) => ({
    ...row,
    id: `id ${i}`,
    paths: [`/${row.series}`],
    time: { nanoseconds: BigInt(Date.UTC(2024, 0, 1) + minutes * 60_000) * 1_000_000n, offsetMinutes },
  }))
);

/** Somewhere in the times of `candidates`, so that some of them lie in the future. */
export const nows: fc.Arbitrary<Date> = fc.date({
  min: new Date("2024-01-01"),
  max: new Date("2028-12-31"),
  noInvalidDate: true,
});
