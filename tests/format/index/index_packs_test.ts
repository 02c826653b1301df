/** What an index file says about packs, however oddly it is written. */
import assert from "node:assert/strict";
import type { PackedBlob } from "../../../src/format/blob.ts";
import { encodeIndex } from "../../helpers/encode_index.ts";
import { encodePackHeader, headerOfBlobs, packFileSize } from "../../../src/format/pack_header.ts";
import { packsOfIndex } from "../../../src/format/index/index_packs.ts";
import { noise } from "../../helpers/world.ts";

const ONE = noise(32, "pack one");
const TWO = noise(32, "pack two");

/** Forty blobs without gaps; every third is a tree, every second compressed. */
const BLOBS: readonly PackedBlob[] = Array.from({ length: 40 }, (_, i) => ({
  type: i % 3 === 0 ? "tree" : "data",
  id: noise(32, `blob ${i}`),
  offset: i * 100,
  length: 100,
  uncompressedLength: i % 2 === 0 ? 0 : 200 + i,
}));

function packs(...described: { id: Uint8Array; blobs: readonly PackedBlob[] }[]) {
  return Object.fromEntries(
    Array.from(packsOfIndex(encodeIndex(described), "an index"), ([id, blobs]) => [id, [...blobs]]),
  );
}

Deno.test("blobs come back pack by pack", () => {
  const expected = { [ONE.toHex()]: BLOBS.slice(0, 25), [TWO.toHex()]: BLOBS.slice(25) };
  assert.deepEqual(packs({ id: ONE, blobs: BLOBS.slice(0, 25) }, { id: TWO, blobs: BLOBS.slice(25) }), expected);
});

Deno.test("blobs in any order, given twice, or under two entries of one pack are one description by offset", () => {
  const expected = { [ONE.toHex()]: [...BLOBS] };
  assert.deepEqual(packs({ id: ONE, blobs: BLOBS.toReversed() }), expected);
  assert.deepEqual(packs({ id: ONE, blobs: [...BLOBS, BLOBS[7]!] }), expected);
  const parts = [{ id: ONE, blobs: BLOBS.slice(20) }, { id: TWO, blobs: [] }, { id: ONE, blobs: BLOBS.slice(0, 21) }];
  assert.deepEqual(packs(...parts), expected);
});

Deno.test("two different blobs at one offset both stay, so that the description is seen to be impossible", () => {
  const other = { ...BLOBS[1]!, id: noise(32, "another") };
  assert.deepEqual(packs({ id: ONE, blobs: [BLOBS[1]!, other] }), { [ONE.toHex()]: [BLOBS[1], other] });
});

Deno.test("the header and the size of rows are those of the blobs", () => {
  const rows = packsOfIndex(encodeIndex([{ id: ONE, blobs: BLOBS }]), "an index").get(ONE.toHex() as never)!;
  assert.deepEqual(headerOfBlobs(rows), encodePackHeader(BLOBS));
  assert.equal(packFileSize(rows.lengths()), packFileSize(BLOBS));
});
