/** lz4: frames, their headers and blocks, skippable frames, the legacy frame. */
import { strict as assert } from "node:assert";
import { xxhash32 } from "hash-wasm";
import { bytesOf, concat, judge, littleEndianBytes, noise } from "../judging.ts";
import { zstdFrame } from "../samples.ts";
import { LZ4, lz4Frame, skippableFrame } from "./samples.ts";

async function expect(bytes: Uint8Array, complete: boolean, reason: RegExp): Promise<void> {
  const verdict = await judge(bytes);
  assert.deepEqual([verdict.format, verdict.complete], ["lz4", complete], verdict.reason);
  assert.match(verdict.reason, reason);
}

/** A frame with this descriptor, the right checksum of it, and what follows. */
async function frame(descriptor: Uint8Array, ...rest: Uint8Array[]): Promise<Uint8Array> {
  const hash = parseInt(await xxhash32(descriptor, 0), 16);
  return concat(littleEndianBytes(0x184d2204, 4), descriptor, Uint8Array.of((hash >>> 8) & 0xff), ...rest);
}

async function checkedBlock(content: Uint8Array): Promise<Uint8Array> {
  const checksum = littleEndianBytes(parseInt(await xxhash32(content, 0), 16), 4);
  return concat(littleEndianBytes(content.length, 4), content, checksum);
}

Deno.test("lz4: frames one after the other, with skippable ones anywhere", async () => {
  const frames = concat(LZ4, skippableFrame(noise(3)), lz4Frame(noise(9)), lz4Frame(), skippableFrame(noise(5)));
  await expect(frames, true, /^3 frames are whole; its content is not judged$/);
  await expect(concat(LZ4, noise(9)), false, new RegExp(`no lz4 frame begins at byte ${LZ4.length}`));
  await expect(concat(LZ4, zstdFrame(noise(9))), false, /no lz4 frame begins/);
});

Deno.test("lz4: skippable frames are told apart by what follows them", async () => {
  assert.equal((await judge(concat(skippableFrame(noise(9)), zstdFrame(noise(9))))).format, "zstd");
  assert.equal((await judge(skippableFrame(noise(9)))).format, "none");
});

Deno.test("lz4: frames without blocks are an archive of nothing", async () => {
  await expect(lz4Frame(), false, /there is nothing inside/);
  await expect(concat(lz4Frame(), skippableFrame(noise(5))), false, /there is nothing inside/);
});

Deno.test("lz4: every field a descriptor may have", async () => {
  const block = concat(littleEndianBytes(5, 4), noise(5));
  const end = new Uint8Array(4);
  await expect(await frame(Uint8Array.of(0x44, 0x70), block, end, noise(4)), true, /1 frame/);
  await expect(await frame(concat(Uint8Array.of(0x68, 0x40), noise(8)), block, end), true, /1 frame/);
  await expect(await frame(concat(Uint8Array.of(0x69, 0x40), noise(12)), block, end), true, /1 frame/);
  await expect(await frame(Uint8Array.of(0x70, 0x40), await checkedBlock(noise(99)), end), true, /1 frame/);
  await expect(
    await frame(Uint8Array.of(0x44, 0x70), block, end),
    false,
    /where a whole stream would continue with a frame's checksum/,
  );
});

Deno.test("lz4: a wrong checksum of the descriptor or of a block is found", async () => {
  const damaged = lz4Frame(noise(9));
  damaged[6]! ^= 1;
  await expect(damaged, false, /the header of the frame at byte 0 has a wrong checksum/);
  const block = await checkedBlock(noise(99));
  block[50]! ^= 1;
  await expect(
    await frame(Uint8Array.of(0x70, 0x40), block, new Uint8Array(4)),
    false,
    /a block .* has a wrong checksum/,
  );
});

Deno.test("lz4: a block is no longer than its frame allows", async () => {
  for (const [code, bytes] of [[4, 2 ** 16], [5, 2 ** 18], [6, 2 ** 20], [7, 2 ** 22]] as const) {
    const descriptor = Uint8Array.of(0x60, code << 4);
    const block = (length: number) => concat(littleEndianBytes(length, 4), new Uint8Array(length), new Uint8Array(4));
    await expect(await frame(descriptor, block(bytes)), true, /1 frame/);
    await expect(await frame(descriptor, block(bytes + 1)), false, /malformed block/);
    await expect(await frame(descriptor, littleEndianBytes(2 ** 31, 4)), false, /malformed block/);
  }
});

Deno.test("lz4: the legacy frame, which has no end, and malformed descriptors are not recognised", async () => {
  const legacy = concat(littleEndianBytes(0x184c2102, 4), littleEndianBytes(9, 4), noise(9));
  const reserved = [[0x62, 0x40], [0xa0, 0x40], [0x60, 0x30], [0x60, 0xc0], [0x60, 0x41]];
  const others = reserved.map((descriptor) => frame(Uint8Array.from(descriptor), noise(20)));
  for (const bytes of [legacy, ...await Promise.all(others), bytesOf("\x04\x22\x4d\x18")]) {
    assert.deepEqual((await judge(bytes)).format, "none");
    assert.equal((await judge(bytes, "lz4")).complete, false);
  }
});
