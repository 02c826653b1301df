/** Numbers of rules for levels, as people write them. */
import assert from "node:assert/strict";
import { UsageError } from "../../src/base/errors.ts";
import { parseDays, parseLevel } from "../../src/policy/level_words.ts";

const ABSURD = ["", " ", "-1", "+1", "1.5", "1e3", "0x1", "three", "NaN", "Infinity", "100000", "1 2", "１"];

Deno.test("levels are whole numbers from 0, days from 1", () => {
  assert.deepEqual(["0", "7", "99999"].map(parseLevel), [0, 7, 99999]);
  assert.deepEqual(["1", "30", "99999"].map(parseDays), [1, 30, 99999]);
});

for (const text of ABSURD) {
  Deno.test(`"${text}" is neither a level nor a number of days`, () => {
    assert.throws(() => parseLevel(text), UsageError);
    assert.throws(() => parseDays(text), UsageError);
  });
}

Deno.test("0 days are refused: they could mean always or never", () => {
  assert.throws(() => parseDays("0"), UsageError);
  assert.throws(() => parseDays("00"), UsageError);
});
