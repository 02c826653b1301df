/** Listings of the REST protocol, and what is none. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { StoreError } from "../../../src/base/errors.ts";
import { parseListing } from "../../../src/store/rest/listing.ts";
import { idOf } from "../../conformance/stored_files.ts";

function rowsOf(listing: unknown) {
  return parseListing(new TextEncoder().encode(JSON.stringify(listing)), "pack", "place");
}

Deno.test("names with sizes and names alone are both listings", () => {
  assert.deepEqual(rowsOf([{ name: idOf(1), size: 0 }, { name: idOf(2), size: 9, more: true }]), [
    { name: idOf(1), size: 0 },
    { name: idOf(2), size: 9 },
  ]);
  assert.deepEqual(rowsOf([idOf(1)]), [{ name: idOf(1), size: undefined }]);
  assert.deepEqual(rowsOf([]), []);
  assert.deepEqual(rowsOf(null), []);
});

Deno.test("names of another shape are passed over, and each name counts once", () => {
  const names = ["README", "", "../config", `${idOf(1)}-tmp-1`, idOf(1), idOf(1)];
  assert.deepEqual(rowsOf(names.map((name) => ({ name, size: 3 }))), [{ name: idOf(1), size: 3 }]);
});

Deno.test("anything else is no listing", () => {
  const wrong = [{}, "x", 7, [7], [null], [[idOf(1)]], [{ name: idOf(1) }], [idOf(1), { name: idOf(2), size: 1 }]];
  const wrongSizes = [-1, 1.5, "1", null, 2 ** 53].map((size) => [{ name: idOf(1), size }]);
  for (const listing of [...wrong, ...wrongSizes]) {
    assert.throws(() => rowsOf(listing), StoreError, JSON.stringify(listing));
  }
  for (const text of ["", "<!DOCTYPE html><html>", "[", '["\xff"]']) {
    const bytes = Uint8Array.from(text, (char) => char.charCodeAt(0));
    assert.throws(() => parseListing(bytes, "pack", "place"), /does not look like a repository server/);
  }
});

Deno.test("no bytes make it throw anything but a StoreError", () => {
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array(), fc.json().map((text) => new TextEncoder().encode(text))), (bytes) => {
      try {
        parseListing(bytes, "pack", "place");
      } catch (thrown) {
        assert.ok(thrown instanceof StoreError);
      }
    }),
    { seed: 7 },
  );
});
