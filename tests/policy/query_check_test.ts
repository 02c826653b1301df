/** What queries are expected to give. */
import { equal, throws } from "node:assert/strict";
import { UsageError } from "../../src/base/errors.ts";
import { parseValueExpectation } from "../../src/policy/query_check.ts";

Deno.test("numbers are compared as numbers, everything else as text, and no row meets nothing", () => {
  const cases: [string, string | null, boolean][] = [
    ["=5", "5", true],
    ["=5", "5.0", true],
    ["=5", "05", true],
    ["=5", "6", false],
    ["=ok", "ok", true],
    ["=ok", "OK", false],
    ["=", "", true],
    ["!=0", "1", true],
    ["!=0", "0.0", false],
    ["!=x", null, false],
    [">1000", "1001", true],
    [">1000", "1000", false],
    [">1000", "abc", false],
    [">=1000", "1000", true],
    ["<9007199254740993", "9007199254740992", true],
    ["=9007199254740993", "9007199254740992", false],
    ["<=-1.5", "-2e0", true],
    ["~^a.c$", "abc", true],
    ["~^a", "ba", false],
    ["~.*", null, false],
    ["=5", null, false],
  ];
  for (const [text, value, expected] of cases) {
    equal(parseValueExpectation(text).isMet(value), expected, `${value} ${text}`);
  }
});

Deno.test("what is no expectation is refused", () => {
  for (const text of ["", "5", ">", "<x", "~(", "~"]) {
    throws(() => parseValueExpectation(text), UsageError, text);
  }
});
