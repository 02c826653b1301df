/** Names of series, backups and streams: which are taken, which are refused and why, and the paths they take. */
import assert from "node:assert/strict";
import { UsageError } from "../../../src/base/errors.ts";
import {
  parseBackupName,
  parseFileName,
  parseNewSeries,
  parseSeries,
  parseStreamPath,
  partName,
  sidecarPath,
} from "../../../src/format/manifest/series.ts";

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

Deno.test("a series that backups are made in leaves room for the name of its manifest, in bytes", () => {
  for (const name of ["a".repeat(241), `p/${"b".repeat(241)}`, "é".repeat(120), `${"c".repeat(250)}/d`]) {
    assert.equal(parseNewSeries(name), name);
    assert.ok(new TextEncoder().encode(sidecarPath(name.split("/").at(-1)!)).length <= 255);
  }
  for (const name of ["a".repeat(242), `p/${"b".repeat(242)}`, "é".repeat(121), "😀".repeat(61)]) {
    assert.throws(
      () => parseNewSeries(name),
      (error) => error instanceof UsageError && /241 bytes/.test(error.message),
    );
    assert.equal(parseSeries(name), name, "what is there can be read");
  }
  assert.throws(() => parseNewSeries("a/"), /slashes/);
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

Deno.test("paths of streams are names with slashes between, each as long as a file name may be", () => {
  for (const path of ["db.sql", "a/b/c", `${"x".repeat(255)}/${"y".repeat(255)}`]) {
    assert.equal(parseStreamPath(path), path);
  }
  for (
    const path of ["", "/a", "a/", "a//b", "a/../b", "a\\b", "x".repeat(256), "é".repeat(128), "ab/".repeat(341) + "ab"]
  ) {
    assert.throws(() => parseStreamPath(path), UsageError, path);
  }
});

Deno.test("names of backups are one segment, and may hold an @", () => {
  for (const name of ["2026-11-21.075342.zone1-0000000100", "a@b", "x".repeat(255)]) {
    assert.equal(parseBackupName(name), name);
  }
  for (const name of ["", "a/b", "..", "a\nb", "\ud800", "x".repeat(256)]) {
    assert.throws(() => parseBackupName(name), UsageError, name);
  }
});

Deno.test("paths in the tree", () => {
  assert.equal(sidecarPath(parseSeries("prod/shop")), "prod/shop.manifest.json");
  assert.equal(partName(0), "00000");
  assert.equal(partName(123), "00123");
});
