/** Headers and trailers of packs: where each entry lies, what is refused, and the sizes that follow from them. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { BugError } from "../../src/base/errors.ts";
import type { PackedBlob } from "../../src/format/blob.ts";
import {
  decodePackHeader,
  decodePackTrailer,
  encodePackHeader,
  encodePackTrailer,
  MAX_PACK_HEADER_BYTES,
  MIN_PACK_BYTES,
  packFileSize,
  plaintextLength,
} from "../../src/format/pack_header.ts";
import { packedBlobs } from "./arbitraries.ts";
import { assertFlipsHandled, checkProperty, integrityError } from "./codec_checks.ts";

const WHAT = "pack c41ab767";
const decode = (bytes: Uint8Array) => decodePackHeader(bytes, WHAT);
const ID = new Uint8Array(32).fill(0xab);
const blob = (fields: Partial<PackedBlob> = {}): PackedBlob => ({
  type: "data",
  id: ID,
  offset: 0,
  length: 40,
  uncompressedLength: 0,
  ...fields,
});

Deno.test("entries lie as the format says", () => {
  const id = "ab".repeat(32);
  const entries = [
    blob({ length: 0x01020304 }),
    blob({ type: "tree" }),
    blob({ uncompressedLength: 0x0a0b0c0d }),
    blob({ type: "tree", uncompressedLength: 1 }),
  ];
  assert.equal(
    encodePackHeader(entries).toHex(),
    `0004030201${id}` + `0128000000${id}` + `02280000000d0c0b0a${id}` + `032800000001000000${id}`,
  );
});

Deno.test("headers survive encoding, offsets follow from the order", () => {
  checkProperty(fc.property(packedBlobs, (blobs) => assert.deepEqual(decode(encodePackHeader(blobs)), blobs)));
});

Deno.test("a header within a larger buffer is read in its place", () => {
  const header = encodePackHeader([blob(), blob({ type: "tree", offset: 40 })]);
  const larger = new Uint8Array(header.length + 7);
  larger.set(header, 5);
  assert.deepEqual(decode(larger.subarray(5, 5 + header.length)), decode(header));
});

Deno.test("a header that ends within an entry is refused", () => {
  const header = encodePackHeader([blob(), blob({ uncompressedLength: 7 })]);
  for (let length = 0; length < header.length; length++) {
    if (length === 37) continue;
    assert.throws(() => decode(header.slice(0, length)), integrityError(WHAT, /header/), `${length} bytes`);
  }
  assertFlipsHandled(header, decode);
});

Deno.test("other types, empty plaintexts and packs beyond 4 GiB are refused", () => {
  const header = encodePackHeader([blob({ uncompressedLength: 1 })]);
  const changed = (at: number, byte: number) => header.with(at, byte);
  assert.throws(() => decode(changed(0, 4)), integrityError(WHAT, /type/));
  assert.throws(() => decode(changed(5, 0)), integrityError(WHAT, /plaintext/));
  const large = encodePackHeader([blob({ length: 2 ** 31 }), blob({ length: 2 ** 31 })]);
  assert.equal(decode(large)[1]!.offset, 2 ** 31);
  const larger = large.with(38, 1);
  assert.throws(() => decode(larger), integrityError(WHAT, /4 GiB/));
});

Deno.test("what restic would not read is not written", () => {
  assert.throws(() => encodePackHeader([]), BugError);
  assert.throws(() => encodePackHeader([blob({ length: 2 ** 31 }), blob({ length: 2 ** 31 + 1 })]), BugError);
  assert.throws(() => encodePackHeader([blob({ uncompressedLength: 2 ** 32 })]), BugError);
  const most = Math.floor((MAX_PACK_HEADER_BYTES - 32) / 37);
  assert.equal(encodePackHeader(Array(most).fill(blob({ length: 0 }))).length, most * 37);
  assert.throws(() => encodePackHeader(Array(most + 1).fill(blob({ length: 0 }))), BugError);
});

Deno.test("the size of a pack file is that of the known packs", () => {
  // The packs of tests/golden/mini_repository: two data blobs, one of them compressed, and one compressed tree.
  assert.equal(packFileSize([blob({ length: 68, uncompressedLength: 760 }), blob({ length: 36 })]), 218);
  assert.equal(packFileSize([blob({ type: "tree", length: 240, uncompressedLength: 321 })]), 317);
  assert.equal(packFileSize([blob({ length: 0 })]), MIN_PACK_BYTES);
});

Deno.test("what is not compressed is 32 bytes shorter than what is stored", () => {
  assert.equal(plaintextLength({ length: 132, uncompressedLength: 0 }), 100);
  assert.equal(plaintextLength({ length: 132, uncompressedLength: 999 }), 999);
});

Deno.test("a trailer holds the header's length, and only one that fits", () => {
  assert.equal(encodePackTrailer(0x01020304).toHex(), "04030201");
  const read = (length: number, packBytes: number) => decodePackTrailer(encodePackTrailer(length), packBytes, WHAT);
  assert.equal(read(69, 73), 69);
  assert.equal(read(MAX_PACK_HEADER_BYTES, 2 ** 25), MAX_PACK_HEADER_BYTES);
  for (const [length, packBytes] of [[68, 73], [0, 73], [70, 73], [69, 72], [MAX_PACK_HEADER_BYTES + 1, 2 ** 25]]) {
    assert.throws(() => read(length!, packBytes!), integrityError(WHAT, /bytes|header/), `${length} in ${packBytes}`);
  }
  assert.throws(() => decodePackTrailer(new Uint8Array(3), 1000, WHAT), integrityError(WHAT, /too few/));
});
