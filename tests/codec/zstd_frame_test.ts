/** The format of zstd's frames, by frames that the library made. */
import assert from "node:assert/strict";
import { constants, zstdCompressSync } from "node:zlib";
import fc from "fast-check";
import {
  BLOCK_HEADER_BYTES,
  checksumBytes,
  frameEnd,
  frameHeaderBytes,
  readBlockHeader,
} from "../../src/codec/zstd_frame.ts";
import { concat, noise } from "../helpers/world.ts";

const { ZSTD_c_checksumFlag: CHECKSUM, ZSTD_c_contentSizeFlag: CONTENT_SIZE } = constants;

Deno.test("a frame consists of its header, its blocks and its checksum, and ends there", () => {
  const flag = fc.integer({ min: 0, max: 1 });
  fc.assert(
    fc.property(fc.nat(300_000), fc.boolean(), flag, flag, (length, isNoise, checksum, contentSize) => {
      const content = isNoise ? noise(length, "content") : new Uint8Array(length);
      const params = { [CHECKSUM]: checksum, [CONTENT_SIZE]: contentSize };
      // Deno cuts off a frame that just fills its first chunk.
      const frame = zstdCompressSync(content, { params, chunkSize: 2 ** 20 });
      const descriptor = frame[4]!;
      let at = frameHeaderBytes(descriptor);
      for (let isLast = false; !isLast;) {
        const block = readBlockHeader(frame, at);
        assert.ok(!block.isReserved && block.size <= 128 * 1024);
        at += BLOCK_HEADER_BYTES + block.contentBytes;
        isLast = block.isLast;
      }
      assert.equal(checksumBytes(descriptor), 4 * checksum);
      assert.equal(at + checksumBytes(descriptor), frame.length);
      assert.equal(frameEnd(concat([noise(7, "before"), frame, noise(9, "behind")]), 7), 7 + frame.length);
    }),
    { numRuns: 60, seed: 36 },
  );
});

Deno.test("a block's header tells its type, its size and how much follows", () => {
  const header = (isLast: number, type: number, size: number) => {
    const value = isLast | (type << 1) | (size << 3);
    return readBlockHeader(Uint8Array.of(9, value & 0xff, (value >> 8) & 0xff, value >> 16), 1);
  };
  assert.deepEqual(header(0, 0, 70_000), { isLast: false, isReserved: false, size: 70_000, contentBytes: 70_000 });
  assert.deepEqual(header(1, 1, 70_000), { isLast: true, isReserved: false, size: 70_000, contentBytes: 1 });
  assert.deepEqual(header(0, 2, 5), { isLast: false, isReserved: false, size: 5, contentBytes: 5 });
  assert.equal(header(0, 3, 5).isReserved, true);
});
