/** Counter arithmetic against big integers, the wrap at 2^128 above all. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { blocksAhead, isZeroCounter, writeCounter } from "../../src/crypto/counter.ts";

const LIMIT = 1n << 128n;

function counterOf(number: bigint): Uint8Array {
  return Uint8Array.from({ length: 16 }, (_, i) => Number((number >> BigInt(8 * (15 - i))) & 0xffn));
}

const anyCounter = fc.oneof(
  fc.bigInt({ min: 0n, max: LIMIT - 1n }),
  fc.bigInt({ min: LIMIT - 70_000n, max: LIMIT - 1n }),
  fc.constantFrom(0n, 0xffffffffn, 0x100000000n, LIMIT - 1n),
);

Deno.test("a counter moves on by any number of blocks, modulo 2^128", () => {
  fc.assert(
    fc.property(anyCounter, fc.nat(0xffffffff), (start, blocks) => {
      const target = new Uint8Array(20).fill(0xaa);
      writeCounter(target, 2, counterOf(start), blocks);
      assert.deepEqual(target.subarray(2, 18), counterOf((start + BigInt(blocks)) % LIMIT));
      assert.deepEqual([target[1], target[18]], [0xaa, 0xaa]);
    }),
    { seed: 1 },
  );
});

Deno.test("the distance of counters is what was added, and endless backwards and from 2^32 on", () => {
  fc.assert(
    fc.property(anyCounter, fc.nat(0xffffffff), (start, blocks) => {
      const both = new Uint8Array([...counterOf(start), ...counterOf((start + BigInt(blocks)) % LIMIT)]);
      assert.equal(blocksAhead(both, 0, 16), blocks);
      assert.equal(blocksAhead(both, 16, 0), blocks === 0 ? 0 : Infinity);
    }),
    { seed: 2 },
  );
  assert.equal(blocksAhead(new Uint8Array([...counterOf(5n), ...counterOf(5n + (1n << 32n))]), 0, 16), Infinity);
});

Deno.test("only sixteen zeros are the zero counter", () => {
  assert.equal(isZeroCounter(counterOf(0n), 0), true);
  for (let i = 0; i < 16; i++) assert.equal(isZeroCounter(counterOf(1n << BigInt(8 * i)), 0), false);
});
