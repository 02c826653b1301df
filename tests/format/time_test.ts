/** Times as Go writes and reads them, to the nanosecond, and their order. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { BugError } from "../../src/base/errors.ts";
import {
  compareTimestamps,
  formatNanoseconds,
  formatTimestamp,
  isRfc3339,
  parseTimestamp,
  timestampOffsetMinutes,
  timestampToDate,
  timestampToNanoseconds,
} from "../../src/format/time.ts";
import { time } from "./arbitraries.ts";
import { checkProperty, integrityError } from "./codec_checks.ts";

const parse = (text: string) => parseTimestamp(text, "lock 12");

Deno.test("times are written without trailing zeros", () => {
  const cases: [string, string][] = [
    ["2026-01-01T00:00:00.000Z", "2026-01-01T00:00:00Z"],
    ["2026-01-01T00:00:10.100Z", "2026-01-01T00:00:10.1Z"],
    ["2026-01-01T00:00:00.020Z", "2026-01-01T00:00:00.02Z"],
    ["1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z"],
    ["0001-01-01T00:00:00.000Z", "0001-01-01T00:00:00Z"],
    ["0000-01-01T00:00:00.000Z", "0000-01-01T00:00:00Z"],
  ];
  for (const [iso, expected] of cases) assert.equal(formatTimestamp(new Date(iso)), expected);
});

Deno.test("nanoseconds are kept, before 1970 too", () => {
  assert.equal(formatNanoseconds(1_234_567_890_123_456_780n), "2009-02-13T23:31:30.12345678Z");
  assert.equal(formatNanoseconds(-1n), "1969-12-31T23:59:59.999999999Z");
  assert.equal(formatNanoseconds(-5_000_000_001n), "1969-12-31T23:59:54.999999999Z");
});

Deno.test("years outside of RFC 3339 are a bug", () => {
  assert.throws(() => formatTimestamp(new Date("+010000-01-01T00:00:00Z")), BugError);
  assert.throws(() => formatTimestamp(new Date("-000001-01-01T00:00:00Z")), BugError);
});

Deno.test("what Go refuses is refused", () => {
  const cases = [
    "",
    "2026-01-01 00:00:00Z",
    "2026-01-01T00:00:00",
    "2026-01-01t00:00:00z",
    "2026-01-01T00:00:00,5Z",
    "2026-01-01T00:00:00.Z",
    "2026-01-01T24:00:00Z",
    "2026-01-01T00:60:00Z",
    "2026-01-01T00:00:60Z",
    "2026-00-01T00:00:00Z",
    "2026-13-01T00:00:00Z",
    "2026-01-00T00:00:00Z",
    "2026-01-32T00:00:00Z",
    "2026-04-31T00:00:00Z",
    "2026-02-29T00:00:00Z",
    "1900-02-29T00:00:00Z",
    "2026-01-01T00:00:00+24:00",
    "2026-01-01T00:00:00+00:60",
    "2026-01-01T00:00:00+0000",
    "12026-01-01T00:00:00Z",
    "2026-01-01T00:00:00Z\n",
  ];
  for (const text of cases) {
    assert.throws(() => parse(text), integrityError("lock 12", /RFC 3339/), text);
  }
});

Deno.test("what Go takes is taken, as the text it is", () => {
  const cases = ["2024-02-29T23:59:59.999999999+23:59", "2000-02-29T00:00:00.000Z", "0000-01-01T00:00:00-00:00"];
  for (const text of cases) assert.equal(parse(text), text);
});

Deno.test("zones and fractions count", () => {
  const moment = parse("2026-01-02T03:04:05.123456789+02:30");
  assert.equal(timestampToNanoseconds(moment), BigInt(Date.UTC(2026, 0, 2, 0, 34, 5)) * 1_000_000n + 123_456_789n);
  assert.equal(timestampToDate(moment).toISOString(), "2026-01-02T00:34:05.123Z");
  assert.equal(timestampOffsetMinutes(moment), 150);
  assert.equal(timestampOffsetMinutes(parse("2026-01-02T03:04:05-00:30")), -30);
  assert.equal(timestampOffsetMinutes(parse("2026-01-02T03:04:05Z")), 0);
  assert.equal(timestampToDate(parse("1969-12-31T23:59:59.9999Z")).getTime(), -1);
  assert.equal(timestampToDate(parse("0099-01-01T00:00:00Z")).toISOString(), "0099-01-01T00:00:00.000Z");
});

Deno.test("order is that of the instants", () => {
  const earlier = parse("2026-01-02T03:04:05.000000001+02:00");
  const later = parse("2026-01-02T01:04:05.000000002Z");
  assert.equal(compareTimestamps(earlier, later), -1);
  assert.equal(compareTimestamps(later, earlier), 1);
  assert.equal(compareTimestamps(parse("2026-01-02T03:04:05+02:00"), parse("2026-01-02T01:04:05.0Z")), 0);
});

Deno.test("every time survives the way to nanoseconds and back", () => {
  checkProperty(fc.property(time, (text) => {
    assert.ok(isRfc3339(text));
    const nanoseconds = timestampToNanoseconds(text);
    assert.equal(timestampToNanoseconds(formatNanoseconds(nanoseconds)), nanoseconds);
  }));
});
