/** xz: headers, chunks, blocks and their index, padding, several streams. */
import { strict as assert } from "node:assert";
import { crc32 } from "node:zlib";
import { bytesOf, concat, judge, littleEndianBytes, noise } from "../judging.ts";
import { XZ, XZ_LZMA_CHUNK, type XzBlock, xzCopyChunk, xzStream } from "./samples.ts";

async function expect(bytes: Uint8Array, complete: boolean, reason: RegExp): Promise<void> {
  const verdict = await judge(bytes);
  assert.deepEqual([verdict.format, verdict.complete], ["xz", complete], verdict.reason);
  assert.match(verdict.reason, reason);
}

const BLOCK: XzBlock = { chunks: xzCopyChunk(noise(20)), contentBytes: 20 };

Deno.test("xz: its content is not judged, and the verdict says so", async () => {
  await expect(XZ, true, /^1 stream is whole; its content is not judged$/);
});

Deno.test("xz: streams one after the other, with padding in fours between and behind", async () => {
  const streams = concat(XZ, new Uint8Array(8), xzStream([BLOCK]), xzStream([]), new Uint8Array(4));
  await expect(streams, true, /^3 streams are whole/);
  await expect(concat(streams, Uint8Array.of(0)), false, /padding that ends at byte \d+ is no multiple of 4 bytes/);
  await expect(concat(XZ, bytesOf("and more text")), false, new RegExp(`no xz stream begins at byte ${XZ.length}`));
});

Deno.test("xz: streams without blocks are an archive of nothing", async () => {
  await expect(xzStream([]), false, /there is nothing inside/);
  await expect(concat(xzStream([]), xzStream([])), false, /there is nothing inside/);
});

Deno.test("xz: the index has to tell of the blocks that are there", async () => {
  const changed = (change: (records: Uint8Array) => void) =>
    xzStream([BLOCK, BLOCK], {
      index: (records) => {
        change(records);
        return records;
      },
    });
  await expect(changed(() => {}), true, /whole/);
  await expect(changed((records) => records[2]!++), false, /lists other blocks/);
  await expect(changed((records) => records[3]!++), false, /lists other blocks/);
  await expect(changed((records) => records[1]!++), false, /has 2 blocks, its index 3/);
  const padded = (records: Uint8Array) => concat(records, Uint8Array.of(0, 1));
  await expect(xzStream([BLOCK, BLOCK], { index: padded }), false, /index of the stream at byte 0 is malformed/);
});

Deno.test("xz: of headers, padding, index and footer no byte may change", async () => {
  const stream = xzStream([{ chunks: xzCopyChunk(noise(21)), contentBytes: 21 }]);
  const content = { from: 12 + 12 + 3, to: 12 + 12 + 3 + 21 };
  const check = { from: 12 + 12 + 28, to: 12 + 12 + 32 };
  for (let i = 6; i < stream.length; i++) {
    const damaged = stream.slice();
    damaged[i]! ^= 0x10;
    const unseen = [content, check].some(({ from, to }) => i >= from && i < to);
    assert.equal((await judge(damaged)).complete, unseen, `byte ${i}`);
  }
});

Deno.test("xz: lengths in a block's header are compared with the block", async () => {
  await expect(xzStream([{ ...BLOCK, told: true }]), true, /whole/);
  const wrong = xzStream([{ ...BLOCK, told: true, contentBytes: 21 }]);
  await expect(wrong, false, /gives other lengths than the block has/);
});

Deno.test("xz: filters that change lengths, or that nobody knows, are refused", async () => {
  const withFilters = (...filters: number[]) => xzStream([{ ...BLOCK, filters: Uint8Array.from(filters) }]);
  await expect(withFilters(4, 0, 0x21, 1, 22), true, /whole/);
  await expect(withFilters(0x0c, 0, 0x21, 1, 22), false, /filters that no guard knows/);
  await expect(withFilters(0x22, 1, 22), false, /filters that no guard knows/);
  await expect(withFilters(0x21, 1, 22, 0x21, 1, 22), false, /filters that no guard knows/);
});

Deno.test("xz: malformed chunks are refused", async () => {
  const withChunks = (chunks: Uint8Array) => xzStream([{ chunks, contentBytes: 20 }]);
  await expect(withChunks(xzCopyChunk(noise(20), 2)), false, /compressed data is malformed at byte 24/);
  await expect(withChunks(Uint8Array.of(0x40, 0, 0)), false, /malformed at byte 24/);
  const lateReset = concat(xzCopyChunk(noise(20)), Uint8Array.of(0x7f));
  await expect(withChunks(lateReset), false, /malformed at byte 47/);
  await expect(withChunks(concat(Uint8Array.of(0xc1), XZ_LZMA_CHUNK.subarray(1))), false, /malformed at byte 24/);
});

Deno.test("xz: a stream header with a flag of tomorrow is refused", async () => {
  const stream = XZ.slice();
  stream[7] = 0x11;
  stream.set(littleEndianBytes(crc32(stream.subarray(6, 8)), 4), 8);
  await expect(stream, false, /has flags that no guard knows/);
});
