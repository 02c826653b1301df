/** Beginnings of chunks: whatever is added comes back at once, and buffers go back to their pool. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { Carry } from "../../../src/pipeline/cutting/carry.ts";
import { CarryPool } from "../../../src/pipeline/cutting/carry_pool.ts";
import { concat, noise } from "../../helpers/world.ts";

const SMALL = 4000;
const LARGE = 200_000;

for (const most of [SMALL, LARGE]) {
  Deno.test(`whatever is added is taken, zeros alone as their number, of chunks up to ${most} bytes`, () => {
    const pool = new CarryPool(1);
    const piece = fc.record({ length: fc.integer({ min: 1, max: 500 }), isZeros: fc.boolean() });
    fc.assert(
      fc.property(fc.array(fc.array(piece, { maxLength: 8 }), { maxLength: 6 }), (rounds) => {
        const carry = new Carry(pool, most);
        for (const round of rounds) {
          const pieces = round.map(({ length, isZeros }, i) =>
            isZeros ? new Uint8Array(length) : noise(length, `${i}`)
          );
          pieces.forEach((bytes, i) => carry.add(bytes, round[i]!.isZeros));
          const whole = concat(pieces);
          assert.equal(carry.length, whole.length);
          const { carry: buffer, carryBytes } = carry.take();
          assert.equal(carryBytes, whole.length);
          assert.equal(buffer === null, round.every(({ isZeros }) => isZeros));
          if (buffer === null) continue;
          assert.equal(buffer.length, most);
          assert.deepEqual(buffer.slice(0, carryBytes), whole);
          pool.giveBack(buffer.fill(0xee));
        }
        assert.equal(carry.length, 0);
      }),
      { seed: 7, numRuns: 200 },
    );
  });
}

Deno.test("what is dropped leaves nothing, and its buffer goes back", () => {
  const pool = new CarryPool(1);
  const buffer = pool.take(LARGE);
  pool.giveBack(buffer);
  const carry = new Carry(pool, LARGE);
  carry.add(noise(10, "dropped"), false);
  carry.drop();
  assert.equal(carry.length, 0);
  assert.deepEqual(carry.take(), { carry: null, carryBytes: 0 });
  assert.equal(pool.take(LARGE), buffer);
});

Deno.test("small beginnings that wait hold no buffer", () => {
  let taken = 0;
  const pool = new CarryPool(1);
  const take = pool.take.bind(pool);
  pool.take = (bytes) => (taken++, take(bytes));
  const carries = Array.from({ length: 100 }, () => new Carry(pool, SMALL));
  for (const carry of carries) carry.add(noise(10, "waits"), false);
  assert.equal(taken, 0);
  assert.deepEqual(carries[0]!.take().carry!.slice(0, 10), noise(10, "waits"));
});
