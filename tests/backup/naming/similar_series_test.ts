/** Series whose names differ too little. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { similarSeriesWarning } from "../../../src/backup/naming/similar_series.ts";

Deno.test("a name that differs only in case, white space or Unicode form is told, once", () => {
  const cases: [string, string, RegExp][] = [
    ["prod/shop", "Prod/Shop", /"Prod\/Shop".*"prod\/shop" only in case/],
    ["stra\u00dfe", "STRASSE", /only in case/],
    ["\u03c3", "\u03c2", /only in case/],
    ["caf\u00e9", "cafe\u0301", /normal form \(cafe\\u\{301\}, caf\\u\{e9\}\)/],
    ["caf\u00e9", "CAFE\u0301", /only in case/],
    ["prod/shop", "prod/ shop", /"prod\/ shop".*"prod\/shop" only in white space/],
    ["prod/shop", "Prod/shop ", /only in case and white space/],
  ];
  for (const [series, other, warning] of cases) {
    assert.match(similarSeriesWarning(series, ["x", series, other, other])!, warning);
    assert.match(similarSeriesWarning(other, [series])!, /is it meant to be another\?$/);
  }
  assert.match(similarSeriesWarning("a", ["A", "a"])!, /"A"/);
});

Deno.test("other names are not", () => {
  assert.equal(similarSeriesWarning("prod/shop", ["prod/shop", "prod/shop2", "prod-shop", "shop"]), undefined);
  assert.equal(similarSeriesWarning("prod/shop", []), undefined);
});

Deno.test("whether two names are alike does not depend on which is there first", () => {
  const name = fc.string({
    unit: fc.constantFrom("a", "A", " ", "e", "\u0301", "\u00e9", "\u00c9", "/", "\u0130", "i"),
  });
  fc.assert(
    fc.property(name, name, (one, other) => {
      assert.equal(similarSeriesWarning(one, [other]) === undefined, similarSeriesWarning(other, [one]) === undefined);
    }),
    { seed: 20261128 },
  );
});
