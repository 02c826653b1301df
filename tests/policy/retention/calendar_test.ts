/** Units of the calendar and spans back in time. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { parseAgeSpan, parseKeepSpan } from "../../../src/base/text/duration.ts";
import { dayOf, hourOf, minusSpan, monthOf, weekOf, yearOf } from "../../../src/policy/retention/calendar.ts";
import { moment } from "../candidates.ts";

type UnitOf = typeof dayOf;

const SAME: readonly (readonly [unitOf: UnitOf, a: string, b: string])[] = [
  [hourOf, "2026-01-01T10:00:00Z", "2026-01-01T10:59:59.999999999Z"],
  [hourOf, "2026-01-01T10:30:00+02:00", "2026-01-01T10:10:00Z"],
  [dayOf, "2026-01-01T00:00:00-08:00", "2026-01-01T23:59:59+14:00"],
  [weekOf, "2020-12-28T00:00:00Z", "2021-01-03T23:59:59Z"],
  [weekOf, "1969-12-29T00:00:00Z", "1970-01-04T00:00:00Z"],
  [monthOf, "2024-02-01T00:00:00Z", "2024-02-29T23:59:59Z"],
  [yearOf, "2025-12-31T23:59:59-11:00", "2025-01-01T00:00:00+14:00"],
  [yearOf, "0000-01-01T00:00:00Z", "0000-12-31T00:00:00Z"],
];

const DIFFERENT: readonly (readonly [unitOf: UnitOf, a: string, b: string])[] = [
  [hourOf, "2026-01-01T10:59:59.999999999Z", "2026-01-01T11:00:00Z"],
  [dayOf, "2026-01-01T23:30:00Z", "2026-01-02T01:30:00+02:00"],
  [dayOf, "1969-12-31T23:59:59.9Z", "1970-01-01T00:00:00Z"],
  [weekOf, "2021-01-03T23:59:59Z", "2021-01-04T00:00:00Z"],
  [monthOf, "2025-01-31T00:00:00Z", "2026-01-31T00:00:00Z"],
  [yearOf, "2020-12-31T00:00:00Z", "2021-01-01T00:00:00Z"],
];

Deno.test("units are counted in the zone that a time was written in", () => {
  for (const [unitOf, a, b] of SAME) assert.equal(unitOf(moment(a)), unitOf(moment(b)), `${unitOf.name} ${a} ${b}`);
  for (const [unitOf, a, b] of DIFFERENT) {
    assert.notEqual(unitOf(moment(a)), unitOf(moment(b)), `${unitOf.name} ${a} ${b}`);
  }
});

Deno.test("weeks begin on the day that is asked for", () => {
  const saturday = 5;
  assert.equal(weekOf(moment("2026-01-03T00:00:00Z"), saturday), weekOf(moment("2026-01-09T23:59:59Z"), saturday));
  assert.notEqual(weekOf(moment("2026-01-02T23:59:59Z"), saturday), weekOf(moment("2026-01-03T00:00:00Z"), saturday));
});

const BEFORE: readonly (readonly [from: string, span: string, to: string])[] = [
  ["2026-03-31T12:00:00.5Z", "1m", "2026-03-03T12:00:00.5Z"],
  ["2024-02-29T00:00:00Z", "1y", "2023-03-01T00:00:00Z"],
  ["2026-01-01T00:30:00+02:00", "1d", "2025-12-31T00:30:00+02:00"],
  ["2026-03-29T12:00:00+02:00", "1m3h", "2026-03-01T09:00:00+02:00"],
  ["2026-05-15T00:00:00.000000001Z", "2y5m7d3h", "2023-12-07T21:00:00.000000001Z"],
];

Deno.test("spans back are those of Go's calendar", () => {
  for (const [from, span, to] of BEFORE) {
    assert.equal(minusSpan(moment(from), parseKeepSpan(span)), moment(to).nanoseconds, `${from} - ${span}`);
  }
  const age = parseAgeSpan("1W1h1m1s");
  assert.equal(minusSpan(moment("2026-01-08T01:01:01Z"), age), moment("2026-01-01T00:00:00Z").nanoseconds);
});

Deno.test("a span that reaches behind all dates is before everything", () => {
  const now = moment("2026-01-01T00:00:00Z");
  for (const span of ["999999999y", "999999999m", "999999999d"]) {
    assert.ok(minusSpan(now, parseKeepSpan(span)) < moment("0000-01-01T00:00:00Z").nanoseconds, span);
  }
});

Deno.test("units only ever go on with time", () => {
  const ms = fc.integer({ min: Date.UTC(1900, 0), max: Date.UTC(2100, 0) });
  fc.assert(fc.property(ms, ms, fc.integer({ min: -14 * 60, max: 14 * 60 }), (a, b, offsetMinutes) => {
    const [early, late] = [Math.min(a, b), Math.max(a, b)]
      .map((at) => ({ nanoseconds: BigInt(at) * 1_000_000n, offsetMinutes }));
    for (const unitOf of [hourOf, dayOf, weekOf, monthOf, yearOf]) assert.ok(unitOf(early!) <= unitOf(late!));
  }));
});
