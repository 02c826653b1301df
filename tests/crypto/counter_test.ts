/** Counter blocks: which of them is zero, and how many a payload takes. */
import assert from "node:assert/strict";
import { isZeroCounter, wholeBlocks } from "../../src/crypto/counter.ts";

Deno.test("only sixteen zeros are the zero counter, wherever they lie", () => {
  assert.equal(isZeroCounter(new Uint8Array(16), 0), true);
  for (let bit = 0; bit < 128; bit++) {
    const counter = new Uint8Array(16);
    counter[bit >> 3] = 1 << (bit & 7);
    assert.equal(isZeroCounter(counter, 0), false);
  }
  const surrounded = new Uint8Array(24).fill(1).fill(0, 4, 20);
  assert.equal(isZeroCounter(surrounded, 4), true);
  assert.equal(isZeroCounter(surrounded, 3), false);
  assert.equal(isZeroCounter(surrounded, 5), false);
});

Deno.test("a length is rounded up to whole blocks", () => {
  const cases = [[0, 0], [1, 16], [15, 16], [16, 16], [17, 32], [2 ** 32 + 1, 2 ** 32 + 16]] as const;
  for (const [length, whole] of cases) assert.equal(wholeBlocks(length), whole);
});
