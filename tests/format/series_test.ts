import assert from "node:assert/strict";
import { UsageError } from "../../src/base/errors.ts";
import { parseFileName, parseSeries, partName, sidecarPath } from "../../src/format/series.ts";

Deno.test("names of series that are taken", () => {
  for (const name of ["shop", "prod/shop", "a/b/c d/é😀", ".hidden", "...", "x.manifest.json5", "a".repeat(255)]) {
    assert.equal(parseSeries(name), name);
  }
});

Deno.test("names of series that are refused, with the reason", () => {
  const cases: [string, RegExp][] = [
    ["", /empty/],
    ["/a", /slashes/],
    ["a/", /slashes/],
    ["a//b", /slashes/],
    [".", /not allowed/],
    ["a/../b", /not allowed/],
    ["a\\b", /backslashes/],
    ['a"b', /quotes/],
    ["a\nb", /control/],
    ["a\u0000", /control/],
    ["a\u007f", /control/],
    ["a\u0085", /control/],
    ["a\ud800", /Unicode/],
    ["\udcff", /Unicode/],
    ["a".repeat(256), /255/],
    ["é".repeat(128), /255/],
    ["prod/shop.manifest.json", /manifest/],
    ["shop.manifest.json/a", /manifest/],
  ];
  for (const [name, reason] of cases) {
    assert.throws(() => parseSeries(name), (error) => error instanceof UsageError && reason.test(error.message), name);
  }
});

Deno.test("a refusal is one line whatever the name", () => {
  assert.throws(() => parseSeries("a\nb"), (error) => error instanceof UsageError && !error.message.includes("\n"));
});

Deno.test("file names are one segment", () => {
  assert.equal(parseFileName("db.sql"), "db.sql");
  for (const name of ["", "a/b", "..", ".", "a\\b", "a\tb", "\ud800"]) {
    assert.throws(() => parseFileName(name), UsageError);
  }
});

Deno.test("paths in the tree", () => {
  assert.equal(sidecarPath(parseSeries("prod/shop")), "prod/shop.manifest.json");
  assert.equal(partName(0), "00000");
  assert.equal(partName(123), "00123");
});
