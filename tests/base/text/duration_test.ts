/** Spans of time as people write and read them. */
import assert from "node:assert/strict";
import {
  formatAgeSpan,
  formatDuration,
  formatKeepSpan,
  parseAgeSpan,
  parseKeepSpan,
  parseSpan,
} from "../../../src/base/text/duration.ts";
import { UsageError } from "../../../src/base/errors.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const FORMATTED: readonly [number, string][] = [
  [0, "0.0 s"],
  [400, "0.4 s"],
  [12 * SECOND, "12 s"],
  [59.6 * SECOND, "1 min"],
  [3 * MINUTE + 20 * SECOND, "3 min 20 s"],
  [59 * MINUTE + 59.6 * SECOND, "1 h"],
  [5 * HOUR + 2 * MINUTE, "5 h 2 min"],
  [23 * HOUR + 59 * MINUTE, "23 h 59 min"],
  [3 * DAY + 4 * HOUR, "3 d 4 h"],
  [400 * DAY, "400 d"],
];

for (const [ms, text] of FORMATTED) {
  Deno.test(`${ms} ms are shown as ${text}`, () => assert.equal(formatDuration(ms), text));
}

Deno.test("spans are read", () => {
  assert.equal(parseSpan("90s"), 90 * SECOND);
  assert.equal(parseSpan("5m"), 5 * MINUTE);
  assert.equal(parseSpan("1h30m"), 90 * MINUTE);
  assert.equal(parseSpan("2d"), 2 * DAY);
});

Deno.test("what is no span is refused", () => {
  for (const text of ["", "5", "m", "-5m", "1.5h", "5 m", "5y", "5m!"]) {
    assert.throws(() => parseSpan(text), UsageError, text);
  }
});

const NO_SPAN = { years: 0, months: 0, days: 0, hours: 0, minutes: 0, seconds: 0 };

Deno.test("calendar spans are read in restic's units and in bakthat's, where m is not the same", () => {
  assert.deepEqual(parseKeepSpan("2y5m7d3h"), { ...NO_SPAN, years: 2, months: 5, days: 7, hours: 3 });
  assert.deepEqual(parseKeepSpan("3h7d"), { ...NO_SPAN, days: 7, hours: 3 });
  assert.deepEqual(parseAgeSpan("3M2D8h20m5s"), { ...NO_SPAN, months: 3, days: 2, hours: 8, minutes: 20, seconds: 5 });
  assert.deepEqual(parseAgeSpan("1Y2W1D"), { ...NO_SPAN, years: 1, days: 15 });
  assert.deepEqual(parseAgeSpan("30d"), parseAgeSpan("30D"));
  assert.equal(formatKeepSpan(parseKeepSpan("3h7d5m2y")), "2y5m7d3h");
  assert.equal(formatAgeSpan(parseAgeSpan("5s20m8h2D3M1Y")), "1Y3M2D8h20m5s");
});

Deno.test("what is no calendar span is refused, in one line that shows one that is", () => {
  for (
    const text of ["", "5", "y", "-1d", "1.5d", "1d 2h", "5x", "5w", "5M", "1d1d", "1234567890d", "unlimited", "1d\n"]
  ) {
    assert.throws(
      () => parseKeepSpan(text),
      (error) => error instanceof UsageError && /2y5m7d3h$/.test(error.message),
      text,
    );
  }
  for (const text of ["", "3", "M", "-3M", "3M-2D", "1W1W", "1D1d", "3Q", "1H", "1234567890Y", "1constructor"]) {
    assert.throws(
      () => parseAgeSpan(text),
      (error) => error instanceof UsageError && /3M2D8h20m5s/.test(error.message),
      text,
    );
  }
});
