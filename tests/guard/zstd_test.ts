/** zstd: frames, skippable frames, checksums, windows. */
import { strict as assert } from "node:assert";
import { zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { assertNoPrefixIsWhole, bytesOf, concat, judge, littleEndianBytes, noise } from "./judging.ts";
import { PG_DUMP_RESTRICTED, TAR, ZSTD, zstdFrame } from "./samples.ts";

const MAGIC = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd);
const skippable = (content: Uint8Array, variant = 0) =>
  concat(Uint8Array.of(0x50 + variant, 0x2a, 0x4d, 0x18), littleEndianBytes(content.length, 4), content);

async function expect(bytes: Uint8Array, format: string, complete: boolean | null, reason: RegExp): Promise<void> {
  const verdict = await judge(bytes);
  assert.deepEqual([verdict.format, verdict.complete], [format, complete], verdict.reason);
  assert.match(verdict.reason, reason);
}

Deno.test("zstd: frames one after the other, with skippable ones around them, are one stream", async () => {
  const text = bytesOf(PG_DUMP_RESTRICTED);
  const frames = concat(
    skippable(bytesOf("size")),
    zstdFrame(text.subarray(0, 99)),
    skippable(noise(20), 15),
    zstdFrame(text.subarray(99, 200)),
    zstdFrame(text.subarray(200)),
  );
  await expect(frames, "zstd+pg_dump", true, /3 frames are whole; inside: ends with/);
  await assertNoPrefixIsWhole(frames);
});

Deno.test("zstd: frames without a checksum are whole by their blocks", async () => {
  const frame = Uint8Array.from(zstdCompressSync(TAR));
  await expect(frame, "zstd+tar", true, /1 frame is whole/);
  await assertNoPrefixIsWhole(frame);
});

Deno.test("zstd: the checksum is verified in every frame", async () => {
  const broken = concat(ZSTD, ZSTD);
  broken[broken.length - 1]! ^= 1;
  await expect(broken, "zstd+pg_dump", false, /damaged/);
});

Deno.test("zstd: damage in a frame with a checksum is found, unless what comes out is the same all the same", async () => {
  for (let i = 4; i < ZSTD.length; i++) {
    const broken = ZSTD.slice();
    broken[i]! ^= 0x10;
    const { complete } = await judge(broken);
    if (complete === true) assert.deepEqual(zstdDecompressSync(broken), zstdDecompressSync(ZSTD), `byte ${i}`);
  }
});

Deno.test("zstd: a long stream of several blocks is whole, and no cut of it is", async () => {
  const frame = zstdFrame(concat(noise(300_000), new Uint8Array(400_000), noise(100_000, 5)));
  await expect(frame, "zstd", true, /1 frame is whole/);
  await assertNoPrefixIsWhole(frame, frame.length, "zstd", [
    5,
    20,
    131_081,
    131_082,
    300_000,
    frame.length - 4,
    frame.length,
  ]);
});

Deno.test("zstd: where the inside is unknown, a border between frames is an end like any other", async () => {
  const [first, second] = [zstdFrame(noise(100)), zstdFrame(noise(100, 2))];
  const both = concat(first, second);
  for (let cut = 0; cut <= both.length; cut++) {
    const { complete } = await judge(both.subarray(0, cut), "zstd");
    assert.equal(complete, cut === first.length || cut === both.length, `cut at ${cut}`);
  }
});

Deno.test("zstd: what follows the last frame is another frame or nothing", async () => {
  await expect(concat(ZSTD, bytesOf("junk and more")), "zstd+pg_dump", false, /no zstd frame begins at byte \d+/);
});

Deno.test("zstd: a frame of nothing is incomplete", async () => {
  await expect(zstdFrame(new Uint8Array(0)), "zstd", false, /nothing inside/);
});

Deno.test("zstd: a window larger than the guard gives memory for is refused with advice", async () => {
  const twoGibibytes = concat(MAGIC, Uint8Array.of(0, 21 << 3), Uint8Array.of(1, 0, 0));
  await expect(twoGibibytes, "zstd", false, /needs a window of 2\.00 GiB.*--guard none/);
});

Deno.test("zstd: a malformed block is refused", async () => {
  await expect(concat(MAGIC, Uint8Array.of(0, 0), Uint8Array.of(7, 0, 0), noise(9)), "zstd", false, /malformed block/);
});

Deno.test("zstd: skippable frames alone are not zstd, for lz4 has them too", async () => {
  await expect(concat(skippable(noise(9)), Uint8Array.of(4, 0x22, 0x4d, 0x18), noise(50)), "none", null, /no format/);
});
