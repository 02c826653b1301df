/** The handle below zlib's streams: what it tells of its work, and that a damaged input harms no other. */
import assert from "node:assert/strict";
import { constants, createInflateRaw, createZstdDecompress, deflateRawSync, zstdCompressSync } from "node:zlib";
import fc from "fast-check";
import { ZlibHandle } from "../../src/codec/zlib_handle.ts";
import { concat, noise } from "../helpers/world.ts";

const CODECS = {
  deflate: { open: () => new ZlibHandle(createInflateRaw()), compress: deflateRawSync, mostBehind: 20 },
  // After the end of a frame it would begin with the next one.
  zstd: { open: () => new ZlibHandle(createZstdDecompress()), compress: zstdCompressSync, mostBehind: 0 },
} as const;

/** Runs until all that comes out of `input` is there, `roomBytes` at a time. */
function runAll(handle: ZlibHandle, input: Uint8Array, roomBytes: number): { content: Uint8Array; inputLeft: number } {
  const pieces: Uint8Array[] = [];
  let used = 0;
  do {
    const output = new Uint8Array(roomBytes + 3);
    handle.run(constants.Z_NO_FLUSH, input, used, output, 3, roomBytes);
    used = input.length - handle.inputLeft;
    pieces.push(output.subarray(3, 3 + roomBytes - handle.roomLeft));
  } while (handle.roomLeft === 0);
  return { content: concat(pieces), inputLeft: handle.inputLeft };
}

for (const [name, { open, compress, mostBehind }] of Object.entries(CODECS)) {
  Deno.test(`${name}: whatever the room, all comes out, and what follows the end of the input is left`, () => {
    const handle = open();
    fc.assert(
      fc.property(fc.nat(3000), fc.integer({ min: 1, max: 500 }), fc.nat(mostBehind), (length, roomBytes, behind) => {
        const content = noise(length, "content");
        const input = concat([compress(content), noise(behind, "behind")]);
        handle.reset();
        const out = runAll(handle, input, roomBytes);
        assert.deepEqual(out.content, content);
        assert.equal(out.inputLeft, behind);
      }),
      { numRuns: 60, seed: 35 },
    );
    handle.close();
  });

  Deno.test(`${name}: a damaged input throws, and after a reset the next one is read`, () => {
    const handle = open();
    const whole = compress(noise(500, "whole"));
    assert.throws(() => runAll(handle, noise(500, "damage").fill(0xff, 0, 5), 1000));
    handle.reset();
    assert.deepEqual(runAll(handle, whole, 1000).content, noise(500, "whole"));
    handle.close();
  });
}

Deno.test("a stream of another kind is refused", () => {
  for (const stream of [{}, { _handle: {} }, { _handle: { writeSync() {}, reset() {} }, _writeState: [0, 0] }]) {
    assert.throws(() => new ZlibHandle(stream), TypeError);
  }
});
