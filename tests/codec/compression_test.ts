/** Compression: round trips by both ways of making contexts, foreign frames, bounds, and refusal of damage. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import fc from "fast-check";
import { IntegrityError } from "../../src/base/errors.ts";
import {
  BlobCompressor,
  BlobDecompressor,
  compress,
  type CompressionLevel,
  decompress,
  decompressInPieces,
  IDS_COMPRESSION,
} from "../../src/codec/compression.ts";
import { handleContexts, oneShotContexts } from "../../src/codec/zstd_context.ts";
import { frameEnd } from "../../src/codec/zstd_frame.ts";
import { pseudorandomBytes } from "../crypto/pseudorandom.ts";

const WAYS = { "internal handle": handleContexts, "public calls": oneShotContexts };
const LEVELS = ["fastest", "auto", "better", "max"] as const;

/** Text that compresses like rows of a table. */
function rows(bytes: number): Uint8Array<ArrayBuffer> {
  const noise = pseudorandomBytes(Math.ceil(bytes / 8), "rows");
  let text = "";
  for (let i = 0; text.length < bytes; i++) text += `(${i},'customer ${noise[i % noise.length]}','2026-01-01'),`;
  return new TextEncoder().encode(text).slice(0, bytes);
}

function concatenate(...parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.concat(parts));
}

/** A frame without content size and with a checksum, as a streaming writer makes it. */
function foreignFrame(content: Uint8Array): Uint8Array<ArrayBuffer> {
  const params = { [constants.ZSTD_c_contentSizeFlag]: 0, [constants.ZSTD_c_checksumFlag]: 1 };
  return new Uint8Array(zstdCompressSync(content, { params }));
}

for (const [way, contexts] of Object.entries(WAYS)) {
  Deno.test(`${way}: what is compressed into a buffer comes back, one input after the other`, () => {
    for (const level of LEVELS) {
      const compressor = new BlobCompressor(level, contexts);
      const decompressor = new BlobDecompressor(contexts);
      const output = new Uint8Array(300_000);
      for (const length of [1, 10, 255, 256, 257, 4000, 10_240, 65_791, 65_792, 131_072, 200_000]) {
        const input = rows(length);
        const frameBytes = compressor.compressInto(input, output, 7);
        const frame = output.slice(7, 7 + frameBytes);
        assert.ok(frameBytes > 0 && frameEnd(frame, 0) === frameBytes);
        assert.ok(zstdDecompressSync(frame).equals(input), `${level} ${length}`);
        const content = new Uint8Array(length + 3);
        assert.equal(decompressor.decompressInto(frame, content, 2, length), length);
        assert.equal(Buffer.compare(content.subarray(2, length + 2), input), 0);
        assert.deepEqual([content[1], content[length + 2]], [0, 0]);
      }
    }
  });

  Deno.test(`${way}: any bytes come back or are reported not to fit`, () => {
    const compressor = new BlobCompressor("auto", contexts);
    const decompressor = new BlobDecompressor(contexts);
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 2000 }), fc.nat(2100), (input, room) => {
        const output = new Uint8Array(2200).fill(0xee);
        const frameBytes = compressor.compressInto(input, output, 50, room);
        assert.ok(output.subarray(0, 50).every((byte) => byte === 0xee));
        assert.ok(output.subarray(50 + room).every((byte) => byte === 0xee));
        if (frameBytes === 0) return;
        assert.ok(frameBytes <= room);
        const content = new Uint8Array(input.length);
        decompressor.decompressInto(output.subarray(50, 50 + frameBytes), content, 0, input.length);
        assert.deepEqual(content, new Uint8Array(input));
      }),
      { seed: 5, numRuns: 200 },
    );
  });

  Deno.test(`${way}: an input that does not fit gives 0 and the next one is not affected`, () => {
    const compressor = new BlobCompressor("auto", contexts);
    const noise = pseudorandomBytes(10_000, "noise");
    const text = rows(10_000);
    const output = new Uint8Array(10_000);
    const expected = compressor.compressInto(text, output, 0);
    for (const room of [0, 1, 2, 5, 100, expected - 1]) assert.equal(compressor.compressInto(text, output, 0, room), 0);
    assert.equal(compressor.compressInto(noise, output, 0), 0);
    assert.equal(compressor.compressInto(pseudorandomBytes(200_000, "large noise"), output, 0), 0);
    assert.equal(compressor.compressInto(text, output, 0), expected);
    assert.ok(zstdDecompressSync(output.subarray(0, expected)).equals(text));
  });

  Deno.test(`${way}: a large input is not affected by those before it, of any size and whether they fit`, () => {
    const alone = (input: Uint8Array, output: Uint8Array) =>
      new BlobCompressor("auto", contexts).compressInto(input, output, 0);
    const compressor = new BlobCompressor("auto", contexts);
    const output = new Uint8Array(4_300_000);
    const noise = pseudorandomBytes(1_000_000, "large noise");
    for (const length of [4_200_000, 131_073, 1_000_000, 10_000, 1_000_000]) {
      const input = rows(length);
      const frameBytes = compressor.compressInto(input, output, 0, length - 1);
      assert.ok(zstdDecompressSync(output.subarray(0, frameBytes)).equals(input), `${length}`);
      assert.equal(frameBytes, alone(input, output), `${length}`);
      assert.equal(compressor.compressInto(noise, output, 0, noise.length - 1), 0);
    }
  });

  Deno.test(`${way}: frames carry their content size and no checksum`, () => {
    const compressor = new BlobCompressor("auto", contexts);
    for (const length of [100, 300, 70_000, 200_000]) {
      const output = new Uint8Array(length + 100);
      compressor.compressInto(rows(length), output, 0);
      const descriptor = output[4]!;
      assert.ok((descriptor >> 6) > 0 || (descriptor & 0x20) !== 0, "content size");
      assert.equal(descriptor & 0x07, 0, "no checksum, no dictionary");
    }
  });

  Deno.test(`${way}: frames of other writers: no content size, checksum, several in a row, an empty one`, () => {
    const decompressor = new BlobDecompressor(contexts);
    const [one, two] = [rows(5000), rows(300_000)];
    const input = concatenate(
      foreignFrame(one),
      foreignFrame(new Uint8Array(0)),
      compress(two, "max"),
      foreignFrame(one),
    );
    const expected = concatenate(one, two, one);
    const content = new Uint8Array(expected.length);
    decompressor.decompressInto(input, content, 0, expected.length);
    assert.equal(Buffer.compare(content, expected), 0);
    assert.equal(Buffer.compare(decompressor.decompressUpTo(input, expected.length), expected), 0);
  });

  Deno.test(`${way}: a wrong length is refused and the next call works`, () => {
    const decompressor = new BlobDecompressor(contexts);
    const input = rows(10_000);
    const frame = compress(input, "auto");
    const output = new Uint8Array(10_010);
    for (const length of [0, 1, 9999, 10_001]) {
      assert.throws(
        () => decompressor.decompressInto(frame, output, 0, length, "blob x"),
        isIntegrityErrorOn("blob x"),
      );
      assert.ok(output.subarray(length).every((byte, i) => byte === 0 || i + length < 10_000));
      assert.equal(decompressor.decompressInto(frame, output, 0, 10_000), 10_000);
      output.fill(0);
    }
  });

  Deno.test(`${way}: damage, truncation and trailing bytes are refused; the next call works`, () => {
    const decompressor = new BlobDecompressor(contexts);
    const input = rows(2000);
    const frame = foreignFrame(input);
    const output = new Uint8Array(2000);
    const refuses = (bytes: Uint8Array, why: string) => {
      assert.throws(
        () => decompressor.decompressInto(bytes, output, 0, 2000, "blob x"),
        isIntegrityErrorOn("blob x"),
        why,
      );
    };
    for (let length = 0; length < frame.length; length++) refuses(frame.subarray(0, length), `cut at ${length}`);
    for (const tail of [[0], [1, 2, 3, 4, 5, 6, 7], [...frame.subarray(0, 12)]]) {
      refuses(concatenate(frame, Uint8Array.from(tail)), `tail of ${tail.length}`);
    }
    for (let at = 6; at < frame.length; at++) {
      const damaged = frame.slice();
      damaged[at]! ^= 0x11;
      refuses(damaged, `byte ${at}`);
    }
    assert.equal(decompressor.decompressInto(frame, output, 0, 2000), 2000);
    assert.deepEqual(output, input);
  });

  Deno.test(`${way}: shared memory is read`, () => {
    const input = rows(6000);
    const shared = new Uint8Array(new SharedArrayBuffer(7000)).subarray(3, 6003);
    shared.set(input);
    const output = new Uint8Array(7000);
    const frameBytes = new BlobCompressor("auto", contexts).compressInto(shared, output, 0);
    shared.fill(0);
    shared.set(output.subarray(0, frameBytes));
    const content = new Uint8Array(6000);
    new BlobDecompressor(contexts).decompressInto(shared.subarray(0, frameBytes), content, 0, 6000);
    assert.deepEqual(content, input);
  });

  Deno.test(`${way}: content comes in pieces, of any frames; damage and too much are refused`, () => {
    const content = rows(2_500_000);
    const input = concatenate(
      foreignFrame(content),
      compress(content.subarray(0, 10), "auto"),
      compress(content.subarray(0, 0), "auto"),
      compress(content, "fastest"),
    );
    const whole = concatenate(content, content.subarray(0, 10), content);
    const read = (bytes: Uint8Array, most: number) =>
      concatenate(...Array.from(decompressInPieces(bytes, most, "a text", contexts), (piece) => piece.slice()));
    assert.deepEqual(read(input, whole.length), whole);
    assert.deepEqual(read(new Uint8Array(0), 10), new Uint8Array(0));
    assert.throws(() => read(input, whole.length - 1), isIntegrityErrorOn("a text"));
    assert.throws(() => read(input.subarray(0, input.length - 1), whole.length), isIntegrityErrorOn("a text"));
    assert.throws(() => read(concatenate(input, new Uint8Array(3)), whole.length), isIntegrityErrorOn("a text"));
    const flipped = input.slice();
    flipped[200]! ^= 255;
    assert.throws(() => read(flipped, whole.length), isIntegrityErrorOn("a text"));
    assert.deepEqual(read(input, whole.length), whole);
  });
}

Deno.test("level off and an empty input compress to nothing", () => {
  const levels: CompressionLevel[] = ["off", ...LEVELS];
  const output = new Uint8Array(1000);
  assert.equal(new BlobCompressor("off").compressInto(rows(500), output, 0), 0);
  for (const level of levels) assert.equal(new BlobCompressor(level).compressInto(new Uint8Array(0), output, 0), 0);
});

Deno.test("every level compresses, max best", () => {
  for (const length of [10_000, 300_000]) {
    const [fastest, auto, max] = LEVELS.map((level) => compress(rows(length), level).length);
    assert.ok(max! < Math.min(auto!, fastest!) && Math.max(auto!, fastest!) < length / 2, `${fastest} ${auto} ${max}`);
  }
});

Deno.test("compress and decompress take any size, an empty one and many blocks", () => {
  for (const level of LEVELS) {
    for (const length of level === "max" ? [0, 1, 200_000] : [0, 1, 200_000, 9_000_000]) {
      const content = rows(length);
      const frame = compress(content, level);
      assert.equal(Buffer.compare(decompress(frame, length, length), content), 0);
      assert.equal(Buffer.compare(decompress(frame, undefined, length), content), 0);
    }
  }
});

Deno.test("no frame needs a window of more than 8 MiB", () => {
  const frame = compress(new Uint8Array(20_000_000), "max");
  const hasWindow = (frame[4]! & 0x20) === 0;
  assert.ok(hasWindow, "a frame of one segment would need a window of all its content");
  assert.ok(10 + (frame[5]! >> 3) <= 23);
});

Deno.test("a bomb is refused, whether it tells its length or not", () => {
  const bomb = compress(new Uint8Array(50_000_000), "fastest");
  const silentBomb = foreignFrame(new Uint8Array(50_000_000));
  for (const input of [bomb, silentBomb]) {
    assert.ok(input.length < 10_000);
    assert.throws(() => decompress(input, undefined, 1_000_000, "index x"), isIntegrityErrorOn("index x"));
    assert.throws(() => decompress(input, 1000, 1_000_000, "index x"), isIntegrityErrorOn("index x"));
    assert.throws(() => decompress(input, 50_000_000, 1_000_000, "index x"), isIntegrityErrorOn("index x"));
  }
  assert.throws(() => decompress(new Uint8Array(20), undefined, 100, "index x"), isIntegrityErrorOn("index x"));
});

function isIntegrityErrorOn(what: string): (error: unknown) => boolean {
  return (error) => error instanceof IntegrityError && error.message.includes(what) && !error.message.includes("\n");
}

Deno.test("what is mostly ids loses nothing by the compression that is meant for it", () => {
  const ids = Array.from({ length: 4000 }, (_, i) => pseudorandomBytes(32, `id ${i}`).toHex());
  const index = ids.map((id, i) => ({ id, type: "data", offset: i * 4217, length: 4000 + i % 977 }));
  for (const content of [ids, index]) {
    const text = new TextEncoder().encode(JSON.stringify(content));
    const frame = compress(text, IDS_COMPRESSION);
    assert.ok(frame.length <= compress(text, "auto").length, `${frame.length} of ${text.length} bytes`);
    assert.ok(Buffer.compare(decompress(frame, text.length, text.length), text) === 0);
  }
});
