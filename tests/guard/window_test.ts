/** The two ends of a stream are what slicing the whole stream gives. */
import { strict as assert } from "node:assert";
import fc from "fast-check";
import { Head, Tail } from "../../src/guard/window.ts";
import { concat } from "./judging.ts";

Deno.test("window: head and tail are the ends of the stream, however it is cut", () => {
  const pieces = fc.array(fc.uint8Array({ maxLength: 30 }), { maxLength: 20 });
  fc.assert(
    fc.property(pieces, fc.integer({ min: 1, max: 12 }), (parts, capacity) => {
      const [head, tail] = [new Head(capacity), new Tail(capacity)];
      for (const part of parts) {
        head.push(part);
        tail.push(part);
      }
      const whole = concat(...parts);
      assert.deepEqual(head.bytes, whole.subarray(0, capacity));
      assert.equal(head.full, whole.length >= capacity);
      assert.deepEqual(tail.bytes, whole.subarray(-capacity));
      assert.equal(tail.seen, whole.length);
    }),
    { seed: 3, numRuns: 500 },
  );
});
