/** What people write of a policy. */
import assert from "node:assert/strict";
import { UsageError } from "../../../src/base/errors.ts";
import {
  parseCount,
  parseGrouping,
  parseKeepCount,
  parseRunTypeCounts,
  parseWeekDay,
} from "../../../src/policy/retention/parse_retention.ts";

Deno.test("counts are whole numbers, or without end", () => {
  assert.equal(parseKeepCount("0", "days"), 0);
  assert.equal(parseKeepCount("007", "days"), 7);
  assert.equal(parseKeepCount("unlimited", "days"), Infinity);
  assert.equal(parseKeepCount("-1", "days"), Infinity, "restic's");
  assert.throws(() => parseCount("-1", "days"), UsageError, "not ours");
  for (const text of ["", "-2", "1.5", "1e3", "0x10", " 5", "+5", "12345678901", "many", "٣"]) {
    assert.throws(() => parseKeepCount(text, "days to keep"), (error) => {
      return error instanceof UsageError && error.message.includes("days to keep");
    }, text);
  }
});

Deno.test("run types are counted, each once", () => {
  assert.deepEqual([...parseRunTypeCounts("hourly=24,daily=7")], [["hourly", 24], ["daily", 7]]);
  assert.deepEqual([...parseRunTypeCounts(" yearly = unlimited", new Map([["daily", 7]]))], [["daily", 7], [
    "yearly",
    Infinity,
  ]]);
  const wrong = ["", "hourly", "hourly=", "hourly=x", "hourly=-1", "fortnightly=2", "hourly=1=2", "hourly=1,", "=3"];
  for (const text of [...wrong, "hourly=1,hourly=2"]) {
    assert.throws(() => parseRunTypeCounts(text), UsageError, text);
  }
  assert.throws(() => parseRunTypeCounts("daily=1", new Map([["daily", 7]])), /twice/);
  assert.throws(() => parseRunTypeCounts("often=1"), /"often".*hourly, daily, weekly, monthly, yearly/);
});

Deno.test("groupings are restic's words and series", () => {
  assert.deepEqual(parseGrouping("host,paths"), ["host", "paths"]);
  assert.deepEqual(parseGrouping("tag, path,hosts,series,tags"), ["tags", "paths", "host", "series"]);
  assert.deepEqual(parseGrouping(""), []);
  for (const text of ["nope", "host;paths", "constructor"]) assert.throws(() => parseGrouping(text), UsageError, text);
});

Deno.test("days of the week are names, their three first letters, or numbers from Monday on", () => {
  const names = ["monday", "Tuesday", "WEDNESDAY", "thursday", "friday", "saturday", "sunday"];
  for (const [number, name] of names.entries()) {
    for (const text of [name, name.slice(0, 3), `${number}`]) assert.equal(parseWeekDay(text), number, text);
  }
  for (const text of ["7", "-1", "", "s", "satur", "samstag", "1.0", " mon", "05"]) {
    assert.throws(() => parseWeekDay(text), UsageError, text);
  }
});
