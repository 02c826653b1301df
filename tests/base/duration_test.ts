/** Spans of time as people write and read them. */
import assert from "node:assert/strict";
import { formatDuration, parseSpan } from "../../src/base/duration.ts";
import { UsageError } from "../../src/base/errors.ts";

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
