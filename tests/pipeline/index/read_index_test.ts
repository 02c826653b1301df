/** Index files as a thread decodes them: what they say of each pack, whole or not at all. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { IntegrityError } from "../../../src/base/errors.ts";
import type { IndexId } from "../../../src/base/id.ts";
import { sha256Hex } from "../../../src/crypto/digest.ts";
import { createSealer } from "../../../src/crypto/seal.ts";
import type { PackedBlob } from "../../../src/format/blob.ts";
import type { IndexedPack } from "../../../src/format/index/index_file.ts";
import { packsOfIndex } from "../../../src/format/index/index_packs.ts";
import { encodePackHeader, packFileSize } from "../../../src/format/pack_header.ts";
import { wrapUnpacked } from "../../../src/format/unpacked.ts";
import { compress } from "../../../src/codec/compression.ts";
import { decodePacks, headerDigest, readIndex, splitByPack } from "../../../src/pipeline/index/read_index.ts";
import { encodeIndex } from "../../helpers/encode_index.ts";
import { noise, seededRandom } from "../../helpers/world.ts";

const KEYS = { encrypt: noise(32, "encrypt"), macK: noise(16, "k"), macR: noise(16, "r") };
const SEALER = createSealer(KEYS, seededRandom("seals"));

function fileOf(json: Uint8Array<ArrayBuffer>): { id: IndexId; bytes: Uint8Array<ArrayBuffer> } {
  const bytes = SEALER.seal(wrapUnpacked(json, 2, (text) => compress(text, "auto")));
  return { id: sha256Hex(bytes) as IndexId, bytes };
}

function read(json: Uint8Array<ArrayBuffer>) {
  return [...splitByPack(readIndex({ ...fileOf(json), wantsHeaders: true }, SEALER))];
}

/** Blobs without gaps. */
function blobs(count: number, seed: string): PackedBlob[] {
  return Array.from({ length: count }, (_, i) => ({
    type: i % 5 === 0 ? "tree" : "data",
    id: noise(32, `${seed} ${i}`),
    offset: i * 100,
    length: 100,
    uncompressedLength: i % 2 === 0 ? 0 : 200 + i,
  }));
}

Deno.test("each pack has its blobs, the size of its file and the digest of its header", () => {
  const [one, two] = [blobs(30, "one"), blobs(7, "two")];
  const json = encodeIndex([
    { id: noise(32, "pack one"), blobs: one.toReversed() },
    { id: noise(32, "empty"), blobs: [] },
    { id: noise(32, "pack two"), blobs: two },
  ]);
  const found = read(json).map(({ blobs, ...pack }) => ({ ...pack, blobs: [...blobs] }));
  assert.deepEqual(
    found,
    ([["pack one", one], ["pack two", two]] as const).map(([name, blobs]) => ({
      id: noise(32, name).toHex(),
      blobs,
      bytes: packFileSize(blobs),
      headerSha256: sha256Hex(encodePackHeader(blobs)),
    })),
  );
});

Deno.test("any index file says the same as its text, pack by pack", () => {
  const blob = fc.record({
    id: fc.nat(20),
    offset: fc.nat(50),
    length: fc.integer({ min: 32, max: 40 }),
    uncompressedLength: fc.nat(9),
  });
  const pack = fc.record({ id: fc.nat(4), blobs: fc.array(blob, { maxLength: 12 }) });
  fc.assert(fc.property(fc.array(pack, { maxLength: 6 }), (packs) => {
    const indexed: IndexedPack[] = packs.map(({ id, blobs }) => ({
      id: noise(32, `pack ${id}`),
      blobs: blobs.map((blob) => ({ ...blob, type: "data", id: noise(32, `blob ${blob.id}`) })),
    }));
    const json = encodeIndex(indexed);
    const expected = Array.from(packsOfIndex(json, "an index"), ([id, blobs]) => ({
      id,
      blobs: [...blobs],
      bytes: packFileSize(blobs.lengths()),
      headerSha256: headerDigest(blobs),
    }));
    assert.deepEqual(read(json).map(({ blobs, ...pack }) => ({ ...pack, blobs: [...blobs] })), expected);
  }));
});

Deno.test("no digest stands for a description with gaps, or where nobody asked", () => {
  const [first, , third] = blobs(3, "gap");
  const gap = encodeIndex([{ id: noise(32, "pack"), blobs: [first!, third!] }]);
  assert.deepEqual(read(gap).map(({ headerSha256 }) => headerSha256), [null]);
  const whole = encodeIndex([{ id: noise(32, "pack"), blobs: [first!] }]);
  const unasked = decodePacks(whole, "an index", { wantsHeaders: false });
  assert.deepEqual([...splitByPack(unasked)].map(({ headerSha256 }) => headerSha256), [null]);
});

Deno.test("a file that is not what its name says, not sealed under these keys or malformed is refused by name", () => {
  const whole = fileOf(encodeIndex([{ id: noise(32, "pack"), blobs: blobs(9, "whole") }]));
  const refused = (file: { id: IndexId; bytes: Uint8Array<ArrayBuffer> }, reason: RegExp) => {
    assert.throws(
      () => readIndex({ ...file, wantsHeaders: true }, SEALER),
      (error) => error instanceof IntegrityError && error.message.includes(file.id) && reason.test(error.message),
    );
  };
  const flipped = whole.bytes.slice();
  flipped[40]! ^= 1;
  refused({ ...whole, bytes: flipped }, /SHA-256/);
  refused({ id: sha256Hex(flipped) as IndexId, bytes: flipped.slice() }, /./);
  refused({ ...whole, bytes: whole.bytes.slice(0, -1) }, /SHA-256/);
  refused(fileOf(new TextEncoder().encode('{"packs":[{"id":"12"}]}')), /./);
  refused(fileOf(new TextEncoder().encode('{"packs":[]')), /./);
});
