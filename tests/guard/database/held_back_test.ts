/** What is held back of a stream, and what is passed on. */
import { strict as assert } from "node:assert";
import fc from "fast-check";
import { HeldBack } from "../../../src/guard/database/held_back.ts";

Deno.test("held back: the last bytes, and all others passed on in order, whatever the pieces", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 9 }), fc.array(fc.uint8Array({ maxLength: 20 })), (capacity, pieces) => {
      const released: number[] = [];
      const held = new HeldBack(capacity, (bytes) => released.push(...bytes));
      for (const piece of pieces) held.push(piece);
      const whole = pieces.flatMap((piece) => [...piece]);
      assert.deepEqual([...released, ...held.bytes], whole);
      assert.equal(held.bytes.length, Math.min(capacity, whole.length));
    }),
    { seed: 5 },
  );
});
