/** Pieces of bytes put together. */
import assert from "node:assert/strict";
import { concatBytes } from "../../src/base/bytes.ts";

Deno.test("parts come one after the other, empty ones and shared memory too, in a buffer of its own", () => {
  const shared = new Uint8Array(new SharedArrayBuffer(4)).subarray(1, 3);
  shared.set([3, 4]);
  const first = Uint8Array.of(1, 2);
  const whole = concatBytes([first, new Uint8Array(0), shared]);
  assert.deepEqual(whole, Uint8Array.of(1, 2, 3, 4));
  first[0] = 9;
  assert.equal(whole[0], 1);
  assert.equal(whole.buffer.byteLength, 4);
  assert.equal(concatBytes([]).length, 0);
});
