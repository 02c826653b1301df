/** Identifiers. */
import assert from "node:assert/strict";
import { asId, type BlobId, isId, shortId } from "../../src/base/id.ts";

const ID = "0123456789abcdef".repeat(4);

Deno.test("64 lower-case hex digits are an identifier, nothing else is", () => {
  assert.equal(asId<BlobId>(ID), ID);
  assert.equal(shortId(asId(ID)), "01234567");
  for (const text of ["", ID.slice(1), `${ID}0`, ID.toUpperCase(), `${ID.slice(1)}g`, `${ID}\n`, ` ${ID.slice(1)}`]) {
    assert.equal(isId(text), false);
    assert.throws(() => asId(text), TypeError);
  }
});
