/** XXH32: any bytes in any pieces against hash-wasm. */
import { strict as assert } from "node:assert";
import fc from "fast-check";
import { xxhash32 } from "hash-wasm";
import { XxHash32 } from "../../../src/guard/container/xxhash32.ts";

Deno.test("xxhash32: pieces of any length give what hash-wasm gives for the whole", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 70 }), { maxLength: 5 }), async (pieces) => {
      const hash = new XxHash32();
      for (const piece of pieces) hash.push(piece);
      const whole = Uint8Array.from(pieces.flatMap((piece) => [...piece]));
      assert.equal(hash.digest().toString(16).padStart(8, "0"), await xxhash32(whole, 0));
    }),
    { seed: 5 },
  );
});
