/** The name that somebody most likely meant. */
import assert from "node:assert/strict";
import { didYouMean, nearestName } from "../../../src/base/text/nearest_name.ts";

const KNOWN = ["prod/shop", "prod/wiki", "dev/shop", "db1", "db2"];

Deno.test("a mistyped name means the nearest one that there is", () => {
  const near: readonly (readonly [string, string])[] = [
    ["prod/shpo", "prod/shop"],
    ["prod/sho", "prod/shop"],
    ["prod/shoop", "prod/shop"],
    ["PROD/SHOP", "prod/shop"],
    ["dev/shup", "dev/shop"],
    ["wiki", "prod/wiki"],
    ["db3", "db1"],
    ["eu/prod/wiki", "prod/wiki"],
  ];
  for (const [written, meant] of near) assert.equal(nearestName(written, KNOWN), meant, written);
});

Deno.test("what is near to nothing means nothing", () => {
  for (const written of ["", "elsewhere", "x", "x".repeat(100_000)]) {
    assert.equal(nearestName(written, KNOWN), undefined);
  }
  assert.equal(nearestName("prod/shop", []), undefined);
  assert.equal(didYouMean("verfy", ["verify"]), '; did you mean "verify"?');
  assert.equal(didYouMean("frobnicate", ["verify"]), "");
});
