/** Writing all bytes where each call takes only some. */
import assert from "node:assert/strict";
import { writeAll } from "../../src/base/write_all.ts";

/** A writer that takes at most so many bytes at once. */
function slowWriter(atOnce: number) {
  const taken: number[] = [];
  const write = (bytes: Uint8Array) => {
    taken.push(...bytes.subarray(0, atOnce));
    return Promise.resolve(Math.min(atOnce, bytes.length));
  };
  return { taken, write };
}

Deno.test("all bytes are written, in their order, however few are taken at once", async () => {
  const bytes = Uint8Array.from({ length: 100 }, (_, i) => i);
  for (const atOnce of [1, 3, 100, 1000]) {
    const writer = slowWriter(atOnce);
    await writeAll(writer, bytes);
    assert.deepEqual(writer.taken, [...bytes], `${atOnce} at once`);
  }
});

Deno.test("a signal stops it between two pieces", async () => {
  const controller = new AbortController();
  const writer = slowWriter(3);
  const stopping = {
    write(bytes: Uint8Array) {
      controller.abort(new Error("enough"));
      return writer.write(bytes);
    },
  };
  await assert.rejects(writeAll(stopping, new Uint8Array(9), controller.signal), /enough/);
  assert.equal(writer.taken.length, 3);
});
