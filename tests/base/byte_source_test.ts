/** Web streams as sources. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { sourceOfStream } from "../../src/base/byte_source.ts";
import { concat } from "../helpers/world.ts";

Deno.test("a source gives the bytes of its stream, whatever the sizes of pieces and buffers", async () => {
  const pieces = fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(pieces, fc.integer({ min: 1, max: 30 }), async (written, bufferBytes) => {
      const source = sourceOfStream(ReadableStream.from(written) as ReadableStream<Uint8Array>);
      const read: Uint8Array[] = [];
      for (;;) {
        const buffer = new Uint8Array(new SharedArrayBuffer(bufferBytes));
        const count = await source.read(buffer);
        if (count === null) break;
        assert.ok(count > 0);
        read.push(buffer.slice(0, count));
      }
      assert.deepEqual(concat(read), concat(written));
    }),
    { numRuns: 50, seed: 3 },
  );
});

Deno.test("a cancelled source cancels its stream, twice does no harm", async () => {
  let cancelled = 0;
  const source = sourceOfStream(new ReadableStream({ cancel: () => void cancelled++ }));
  await source.cancel();
  await source.cancel();
  assert.equal(cancelled, 1);
});

Deno.test("cancelling never throws", async () => {
  const stream = new ReadableStream({ cancel: () => Promise.reject(new RangeError("stuck")) });
  await sourceOfStream(stream).cancel();
});
