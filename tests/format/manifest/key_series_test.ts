/** Series of keys: they read like the key, mean no other key, and are names that a series may have. */
import { equal, ok, throws } from "node:assert/strict";
import fc from "fast-check";
import { UsageError } from "../../../src/base/errors.ts";
import { keyOfSeries, seriesOfKey } from "../../../src/format/manifest/key_series.ts";
import { parseNewSeries, seriesKind } from "../../../src/format/manifest/series.ts";

Deno.test("a key keeps its text in the name of its series, but for what no name may hold", () => {
  const cases: [key: string, series: string][] = [
    ["config", "kv/config"],
    ["app/config", "kv/app/config"],
    ["größe 1 😀", "kv/größe 1 😀"],
    ["a@b", "kv/a%40b"],
    ["100%", "kv/100%25"],
    ["%2F", "kv/%252F"],
    ['a\\b"c', "kv/a%5Cb%22c"],
    ["a\nb\u0000\u0085", "kv/a%0Ab%00%C2%85"],
    [".", "kv/%2E"],
    ["..", "kv/%2E."],
    ["...", "kv/..."],
    ["a/../b", "kv/a/%2E./b"],
    [".hidden", "kv/.hidden"],
    ["/a", "kv/%2Fa"],
    ["a/", "kv/a%2F"],
    ["a//b", "kv/a%2F%2Fb"],
    ["/", "kv/%2F"],
    ["//", "kv/%2F%2F"],
    ["a.tables", "kv/a%2Etables"],
    ["a.b.manifest.json/c", "kv/a.b%2Emanifest.json/c"],
    [".digests", "kv/%2Edigests"],
    ["tables", "kv/tables"],
    ["__proto__", "kv/__proto__"],
  ];
  for (const [key, series] of cases) {
    equal(seriesOfKey(key), series);
    equal(keyOfSeries(series), key);
  }
});

Deno.test("the page about the format gives examples that are right", async () => {
  const page = await Deno.readTextFile(new URL("../../../docs/format.md", import.meta.url));
  const section = page.split("### Values under keys")[1]!.split("\n### ")[0]!;
  const rows = [...section.matchAll(/^\| `([^`]+)` +\| `(kv\/[^`]+)` +\|$/gm)];
  equal(rows.length, 4);
  for (const [, key, series] of rows) equal(seriesOfKey(key!), series);
});

/** Texts in which what must be written otherwise is frequent. */
const keys = fc.oneof(
  fc.string({ unit: fc.constantFrom(...'/.%@"\\a2Fé\u0001', ".tables", ".digests", ".manifest.json"), maxLength: 30 }),
  fc.string({ unit: "binary", maxLength: 40 }),
);

Deno.test("every key that fits has a series of its own, which a backup may have, and is got back from it", () => {
  fc.assert(fc.property(keys, (key) => {
    fc.pre(key !== "" && key.isWellFormed());
    const series = seriesOfKey(key);
    equal(parseNewSeries(series), series);
    equal(seriesKind(series), "value");
    equal(keyOfSeries(series), key);
  }));
});

Deno.test("what is not the one name of a key's series is no key's", () => {
  for (
    const series of ["kv", "kvx/a", "shop", "a/kv/b", "kv/%61", "kv/%2e", "kv/%zz", "kv/%", "kv/%FF", "kv/a/%2Fb/"]
  ) {
    equal(keyOfSeries(series), null, series);
  }
  fc.assert(fc.property(keys, (text) => {
    const key = keyOfSeries(`kv/${text}`);
    if (key !== null) equal(seriesOfKey(key), `kv/${text}`);
  }));
});

Deno.test("an empty key, one that is not valid Unicode and one that is too long are refused", () => {
  const cases: [key: string, reason: RegExp][] = [
    ["", /empty/],
    ["a\ud800", /Unicode/],
    ["\udc00", /Unicode/],
    ["a".repeat(242), /242 bytes, more than 241/],
    ["é".repeat(121), /242 bytes, more than 241/],
    ["%".repeat(81), /243 bytes, more than 241/],
    [`${"a".repeat(128)}/${"b".repeat(128)}`, /257 bytes, more than 252/],
  ];
  for (const [key, reason] of cases) {
    throws(() => seriesOfKey(key), (error) => error instanceof UsageError && reason.test(error.message), key);
  }
  for (
    const key of ["a".repeat(241), `${"a".repeat(10)}/${"b".repeat(241)}`, `${"a".repeat(125)}/${"b".repeat(126)}`]
  ) {
    ok(keyOfSeries(seriesOfKey(key)) === key);
  }
});

Deno.test("a series is of the kind that its name says", () => {
  const cases: [series: string, kind: string][] = [
    ["prod/shop", "backup"],
    ["kv", "value"],
    ["kv/a", "value"],
    ["kvs", "backup"],
    ["prod/kv", "backup"],
    ["restore-tests/kv/a", "restoreTest"],
    ["restore-tests", "restoreTest"],
    ["gateway/generation", "gateway"],
    ["gateway/generation/x", "gateway"],
    ["gateway", "backup"],
    ["gateway/db", "backup"],
  ];
  for (const [series, kind] of cases) equal(seriesKind(series), kind, series);
});
