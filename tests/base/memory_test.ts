/** Memory that goes back at once. */
import assert from "node:assert/strict";
import { freeBuffer } from "../../src/base/memory.ts";

Deno.test("the whole buffer goes, also where several views share it, and twice does no harm", () => {
  const bytes = new Uint8Array(1000);
  const view = bytes.subarray(10, 20);
  freeBuffer(view);
  freeBuffer(bytes);
  assert.deepEqual([bytes.length, view.length, bytes.buffer.detached], [0, 0, true]);
});
