/** Bytes in memory: put together, written out, and given back. */
import assert from "node:assert/strict";
import { concatBytes, doubled, freeBuffer, isAllZero, writeAll } from "../../src/base/bytes.ts";

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

Deno.test("the whole buffer goes, also where several views share it, and twice does no harm", () => {
  const bytes = new Uint8Array(1000);
  const view = bytes.subarray(10, 20);
  freeBuffer(view);
  freeBuffer(bytes);
  assert.deepEqual([bytes.length, view.length, bytes.buffer.detached], [0, 0, true]);
});

Deno.test("zeros are told from bytes of which one is not zero, wherever it is and however they are aligned", () => {
  const memory = new Uint8Array(new SharedArrayBuffer(40));
  for (let start = 0; start < 9; start++) {
    for (let end = start; end < 32; end++) {
      const bytes = memory.subarray(start, end);
      memory.fill(0xff).fill(0, start, end);
      assert.ok(isAllZero(bytes), `${start} to ${end}`);
      for (let i = 0; i < bytes.length; i++) {
        bytes[i] = 0x80;
        assert.ok(!isAllZero(bytes), `${start} to ${end}, byte ${i}`);
        bytes[i] = 0;
      }
    }
  }
});

Deno.test("what is doubled keeps its numbers, and has as many zeros behind them", () => {
  assert.deepEqual(doubled(Uint8Array.of(1, 255)), Uint8Array.of(1, 255, 0, 0));
  assert.deepEqual(doubled(Uint32Array.of(1, 2 ** 32 - 1)), Uint32Array.of(1, 2 ** 32 - 1, 0, 0));
});
