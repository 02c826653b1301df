/** Hex digits. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { decodeHex, decodeHexInto, encodeHex } from "../../src/base/hex.ts";

Deno.test("hex agrees with the platform and comes back", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      const text = encodeHex(bytes);
      assert.equal(text, bytes.toHex());
      assert.deepEqual(decodeHex(text), bytes);
      assert.deepEqual(decodeHex(text.toUpperCase()), bytes);
    }),
    { seed: 2 },
  );
});

Deno.test("a part of a buffer is encoded, and text goes to a place of a buffer", () => {
  const bytes = Uint8Array.of(1, 2, 0xab, 0xff);
  assert.equal(encodeHex(bytes, 1), "02abff");
  assert.equal(encodeHex(bytes, 1, 2), "02ab");
  const target = new Uint8Array(5);
  decodeHexInto("c0ffee", target, 1);
  assert.deepEqual([...target], [0, 0xc0, 0xff, 0xee, 0]);
});

Deno.test("what is no hex is refused", () => {
  const digits = "0123456789abcdefABCDEF";
  for (let code = 0; code < 300; code++) {
    const character = String.fromCharCode(code);
    if (digits.includes(character)) continue;
    assert.throws(() => decodeHex(`0${character}`), SyntaxError);
    assert.throws(() => decodeHex(`${character}f`), SyntaxError);
    assert.throws(() => decodeHex(character + character), SyntaxError);
  }
  assert.throws(() => decodeHex("abc"), SyntaxError);
});
