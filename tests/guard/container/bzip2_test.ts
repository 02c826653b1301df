/** bzip2: judged by its end alone. */
import { strict as assert } from "node:assert";
import { bytesOf, concat, judge, noise } from "../judging.ts";
import { BZIP2, BZIP2_EMPTY } from "./samples.ts";

async function expect(bytes: Uint8Array, complete: boolean, reason: RegExp): Promise<void> {
  const verdict = await judge(bytes);
  assert.deepEqual([verdict.format, verdict.complete], ["bzip2", complete], verdict.reason);
  assert.match(verdict.reason, reason);
}

const END_MARK = 0x177245385090n;

/** A stream's beginning, then an end whose mark begins `shift` bits behind a byte border. */
function withEndAt(shift: number, { paddingBit = 0n } = {}): Uint8Array {
  const spare = BigInt((8 - shift) % 8);
  let value = ((END_MARK << 32n) | 0x12345678n) << spare;
  if (spare > 0n) value |= paddingBit;
  const digits = value.toString(16).padStart(2 * Math.ceil((80 + shift) / 8), "0");
  return concat(bytesOf("BZh91AY&SY"), noise(30), Uint8Array.from(digits.match(/../g)!, (pair) => parseInt(pair, 16)));
}

Deno.test("bzip2: the mark at the end may begin at any bit, and only zero bits follow the checksum", async () => {
  for (let shift = 0; shift < 8; shift++) {
    await expect(withEndAt(shift), true, /last stream; its content is not judged/);
    if (shift > 0) await expect(withEndAt(shift, { paddingBit: 1n }), false, /without the mark/);
    await expect(concat(withEndAt(shift), Uint8Array.of(0)), false, /without the mark/);
  }
});

Deno.test("bzip2: streams one after the other, empty ones among them", async () => {
  for (const stream of [concat(BZIP2, BZIP2), concat(BZIP2_EMPTY, BZIP2), concat(BZIP2, BZIP2_EMPTY)]) {
    await expect(stream, true, /ends with the mark/);
    await expect(stream.subarray(0, -1), false, /./);
  }
  await expect(concat(BZIP2_EMPTY, bytesOf("BZh9 and more")), false, /no bzip2 stream begins at byte 14/);
});

Deno.test("bzip2: streams without blocks are an archive of nothing", async () => {
  await expect(BZIP2_EMPTY, false, /there is nothing inside/);
  await expect(concat(BZIP2_EMPTY, BZIP2_EMPTY), false, /there is nothing inside/);
});
