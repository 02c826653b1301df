import assert from "node:assert/strict";
import { crc32, inflateRawSync } from "node:zlib";
import { Deflater, deflateWhole, updateCrc32 } from "../../src/codec/deflate.ts";
import { concat, noise } from "../helpers/world.ts";

const ROWS = new TextEncoder().encode("INSERT INTO t VALUES (1, 'some words that return');\n".repeat(20_000));
const NOISE = noise(1_000_000, "deflate");

async function deflated(content: Uint8Array, pieceBytes: number): Promise<Uint8Array> {
  const deflater = new Deflater(content.subarray(0, pieceBytes));
  const made: Uint8Array[] = [];
  for (let at = 0; at < content.length; at += pieceBytes) {
    made.push(...await deflater.push(content.subarray(at, at + pieceBytes)));
  }
  made.push(...await deflater.finish());
  deflater.close();
  return concat(made);
}

/** The same bytes in memory that threads share, as contents are. */
function shared(bytes: Uint8Array): Uint8Array {
  const copy = new Uint8Array(new SharedArrayBuffer(bytes.length));
  copy.set(bytes);
  return copy;
}

Deno.test("a content comes back, in whatever pieces and whichever memory it came", async () => {
  for (const content of [ROWS, NOISE]) {
    for (const pieceBytes of [content.length, 100_000, 4097]) {
      for (const given of [content, shared(content)]) {
        const bytes = await deflated(given, pieceBytes);
        assert.ok(inflateRawSync(bytes).equals(content));
      }
    }
    assert.ok(inflateRawSync(deflateWhole(shared(content))).equals(content));
  }
});

Deno.test("rows become small; what cannot be compressed grows by almost nothing", async () => {
  assert.ok((await deflated(ROWS, 100_000)).length < ROWS.length / 20);
  const { length } = await deflated(NOISE, 100_000);
  assert.ok(length >= NOISE.length && length < NOISE.length * 1.001, `${length}`);
  const both = concat([NOISE, ROWS]);
  assert.ok((await deflated(both, 100_000)).length > both.length, "the beginning decides");
});

Deno.test("the CRC-32 of pieces is that of the whole", () => {
  const pieces = [0, 1, 70_000].map((from, i, all) => shared(ROWS.subarray(from, all[i + 1])));
  assert.equal(pieces.reduce((before, piece) => updateCrc32(piece, before), 0), crc32(ROWS));
  assert.equal(updateCrc32(new TextEncoder().encode("123456789")), 0xcbf43926, "the check value of CRC-32");
});
