/** Places in little memory: each is what was added, in whatever order packs, offsets and lengths come. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { type BlobPlace, PlaceList } from "../../../src/repository/index/place_list.ts";
import type { Spill } from "../../../src/store/spill/spill.ts";
import { preparedSpill } from "../../store/spill/spills.ts";
import { TestDirectory } from "../../helpers/test_directory.ts";
import { checkProperty } from "../../format/codec_checks.ts";

const u32 = fc.nat(2 ** 32 - 1);
/** Usual lengths, those about the limit of three bytes, and any. */
const length = fc.oneof(fc.nat(9000), fc.constantFrom(0, 0xff_fffe, 0xff_ffff, 0x100_0000, 2 ** 32 - 1), u32);
const anywhere = fc.record({ pack: fc.nat(5), offset: u32, length, uncompressedLength: length }, {
  noNullPrototype: true,
});
/** Blobs of one pack without gaps. */
const behindEachOther = fc.record({
  pack: u32,
  offset: fc.nat(1000),
  lengths: fc.array(fc.tuple(fc.nat(9000), fc.oneof(fc.nat(9000), length)), { maxLength: 100 }),
}).map(({ pack, offset, lengths }) => {
  let end = offset;
  return lengths.map(([length, uncompressedLength]): BlobPlace => {
    end += length;
    return { pack, offset: end - length, length, uncompressedLength };
  });
});
const places = fc.array(fc.oneof(anywhere.map((place) => [place]), behindEachOther), { maxLength: 30 });

function findsEveryPlace(spill?: Spill): void {
  checkProperty(fc.property(places.map((parts) => parts.flat()), fc.nat(30), (added, step) => {
    const list = new PlaceList(spill);
    for (const [i, place] of added.entries()) {
      assert.equal(list.size, i);
      list.push(place);
      if (i >= step) assert.deepEqual(list.at(i - step), added[i - step], "while it grows");
    }
    assert.deepEqual(added.map((_, i) => list.at(i)), added);
  }));
}

Deno.test("every place is found again", () => findsEveryPlace());

Deno.test("every place is found again if places spill", async () => {
  await using directory = new TestDirectory();
  using spill = await preparedSpill(directory.path);
  findsEveryPlace(spill);
});

Deno.test("many packs of many blobs, with a gap here and there", () => {
  const added: BlobPlace[] = [];
  for (let pack = 0; pack < 40; pack++) {
    let offset = 0;
    for (let i = 0; i < 997; i++) {
      const length = 33 + (i * 7919 + pack) % 5000;
      if ((i + pack) % 211 === 0) offset += 50;
      added.push({ pack, offset, length, uncompressedLength: i % 3 === 0 ? 0 : length * 2 });
      offset += length;
    }
  }
  const list = new PlaceList();
  for (const place of added) list.push(place);
  for (const [i, place] of added.entries()) assert.deepEqual(list.at(i), place);
});
