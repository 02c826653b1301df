/** Numbers of rules for levels, as people write them. */
import assert from "node:assert/strict";
import { UsageError } from "../../../src/base/errors.ts";
import { parseDays, parseLevel } from "../../../src/policy/level/parse_level.ts";

const ABSURD = [
  "",
  " ",
  "-1",
  "+1",
  ".5",
  "1.",
  "1,5",
  "1.2.3",
  "1e3",
  "0x1",
  "three",
  "NaN",
  "Infinity",
  "100000",
  "1 2",
  "１",
];

Deno.test("levels are whole numbers from 0, days have fractions", () => {
  assert.deepEqual(["0", "7", "99999"].map(parseLevel), [0, 7, 99999]);
  assert.deepEqual(["1", "30", "99999", "6.5", "0.25", "07.0"].map(parseDays), [1, 30, 99999, 6.5, 0.25, 7]);
  assert.throws(() => parseLevel("1.5"), UsageError);
});

for (const text of ABSURD) {
  Deno.test(`"${text}" is neither a level nor a number of days`, () => {
    assert.throws(() => parseLevel(text), UsageError);
    assert.throws(() => parseDays(text), UsageError);
  });
}

Deno.test("0 days are refused: they could mean always or never", () => {
  assert.throws(() => parseDays("0"), UsageError);
  for (const zero of ["00", "0.0", "0.00000"]) assert.throws(() => parseDays(zero), UsageError);
});
