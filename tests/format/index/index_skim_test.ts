/** Looking for a few data blobs in an index: they are found as in a whole reading, and hardly any other is read. */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { PackedBlob } from "../../../src/format/blob.ts";
import { decodeIndex, type IndexedPack } from "../../../src/format/index/index_file.ts";
import { encodeIndex } from "../../helpers/encode_index.ts";
import { beginningOfId, ID_BEGINNINGS } from "../../../src/format/index/index_skim.ts";
import { packs } from "../arbitraries.ts";
import { checkProperty, utf8 } from "../codec_checks.ts";

interface Found extends PackedBlob {
  readonly pack: string;
}

/** All blobs that a reading reports, with the packs they lie in. */
function read(text: Uint8Array, wantedData?: Uint8Array): Found[] {
  const found: Found[] = [];
  let pack = "";
  decodeIndex(text, "an index", {
    wantedData,
    pack: (id) => pack = id.toHex(),
    blob: (type, id, offset, length, uncompressedLength) =>
      found.push({ pack, type, id: id.slice(), offset, length, uncompressedLength }),
  });
  return found;
}

/** Wants the data blobs with the beginnings of these ids. */
function wanting(ids: readonly Uint8Array[]): Uint8Array {
  const wanted = new Uint8Array(ID_BEGINNINGS);
  for (const id of ids) wanted[beginningOfId(id)] = 1;
  return wanted;
}

const isAskedFor = (wanted: Uint8Array) => ({ type, id }: Found) => type === "tree" || wanted[beginningOfId(id)] === 1;

/** The same index as somebody else would write it. */
function otherwiseWritten(value: readonly IndexedPack[]): Uint8Array {
  const texts = value.map(({ id, blobs }) => ({
    id: id.toHex(),
    blobs: blobs.map(({ id, uncompressedLength, ...blob }) => ({
      id: id.toHex(),
      ...blob,
      ...(uncompressedLength > 0 && { uncompressed_length: uncompressedLength }),
    })),
  }));
  return utf8(JSON.stringify({ packs: texts }, null, 1));
}

Deno.test("trees and wanted data blobs are found where a whole reading finds them, whoever wrote the index", () => {
  checkProperty(fc.property(packs, fc.func(fc.boolean()), (value, isWanted) => {
    const text = encodeIndex(value);
    const all = read(text);
    const wanted = wanting(all.filter((_, i) => isWanted(i)).map(({ id }) => id));
    const expected = all.filter(isAskedFor(wanted));
    assert.deepEqual(read(text, wanted).filter(isAskedFor(wanted)), expected);
    assert.deepEqual(read(otherwiseWritten(value), wanted).filter(isAskedFor(wanted)), expected);
  }));
});

Deno.test("of the data blobs that nobody wants only the last of a pack is read", () => {
  const blobs = Array.from({ length: 100 }, (_, i) => ({
    type: "data" as const,
    id: new Uint8Array(32).fill(i),
    offset: i * 50,
    length: 50,
    uncompressedLength: i % 2 * 90,
  }));
  const text = encodeIndex([{ id: new Uint8Array(32).fill(7), blobs }]);
  const found = read(text, wanting([blobs[40]!.id]));
  assert.deepEqual(found.map(({ id }) => id[0]), [40, 99]);
});
