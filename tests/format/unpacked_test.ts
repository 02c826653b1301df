/** Files outside of packs: the form of either version, read back or refused. */
import assert from "node:assert/strict";
import { zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { equalBytes } from "../../src/base/bytes.ts";
import { IntegrityError } from "../../src/base/errors.ts";
import { decompress as decompressFrames } from "../../src/codec/compression.ts";
import { UnpackedWriter, unwrapUnpacked, wrapUnpacked } from "../../src/format/unpacked.ts";
import { integrityError, utf8 } from "./codec_checks.ts";

const WHAT = "snapshot 1a2b3c4d";
const compress = (bytes: Uint8Array) => new Uint8Array(zstdCompressSync(bytes));
const decompress = (bytes: Uint8Array) => new Uint8Array(zstdDecompressSync(bytes));
const unwrap = (bytes: Uint8Array<ArrayBuffer>) => unwrapUnpacked(bytes, WHAT, decompress);
const JSON_TEXT = utf8('{"a":1}');

Deno.test("version 2 compresses behind a byte 2, version 1 does nothing", () => {
  const wrapped = wrapUnpacked(JSON_TEXT, 2, compress);
  assert.equal(wrapped[0], 2);
  assert.deepEqual(decompress(wrapped.subarray(1)), JSON_TEXT);
  assert.deepEqual(wrapUnpacked(JSON_TEXT, 1, compress), JSON_TEXT);
});

Deno.test("both forms are read, arrays too", () => {
  assert.deepEqual(unwrap(wrapUnpacked(JSON_TEXT, 2, compress)), JSON_TEXT);
  assert.deepEqual(unwrap(JSON_TEXT), JSON_TEXT);
  assert.deepEqual(unwrap(utf8("[]")), utf8("[]"));
});

Deno.test("a text that is written over time is read back in either version, compressed as it comes if it is long", () => {
  const row = '"a row of a long text",';
  for (const rows of [0, 1, 50_000]) {
    for (const version of [1, 2] as const) {
      let frames = 0;
      const writer = new UnpackedWriter(version, (text) => {
        frames++;
        return compress(text);
      });
      writer.append((text) => text.ascii("["));
      for (let i = 0; i < rows; i++) writer.append((text) => text.ascii(row));
      const early = frames;
      writer.append((text) => text.ascii("1]"));
      const unwrapped = unwrapUnpacked(writer.finish(), WHAT, (frames) => decompressFrames(frames, undefined, 2 ** 22));
      assert.ok(equalBytes(unwrapped, utf8(`[${row.repeat(rows)}1]`)));
      assert.equal(early > 0, version === 2 && rows === 50_000);
    }
  }
});

Deno.test("anything else is refused", () => {
  assert.throws(() => unwrap(new Uint8Array()), integrityError(WHAT, /empty/));
  for (const first of [0, 1, 3, 0x20, 0xff]) {
    assert.throws(() => unwrap(Uint8Array.of(first, 1, 2)), integrityError(WHAT, /encoding/));
  }
});

Deno.test("a frame that cannot be decompressed is damage, with its cause", () => {
  assert.throws(() => unwrap(Uint8Array.of(2, 1, 2, 3)), (error) => {
    assert.ok(error instanceof IntegrityError);
    assert.ok(error.cause instanceof Error);
    return true;
  });
});
