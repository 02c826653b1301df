/** Places of blobs as the values of rows: four words each. */
import type { BlobPlace } from "../place_list.ts";

/** Words of a place. */
export const PLACE_WORDS = 4;

/** Stands for the pack of a blob that is not listed. No table has so many packs. */
export const NO_PACK = 0xffffffff;

/** Writes a place to `words` at `at`. */
export function writePlace({ pack, offset, length, uncompressedLength }: BlobPlace, words: Uint32Array, at: number) {
  words[at] = pack;
  words[at + 1] = offset;
  words[at + 2] = length;
  words[at + 3] = uncompressedLength;
}

/** The place at `at` of `words`. */
export function readPlace(words: Uint32Array, at: number): BlobPlace {
  return { pack: words[at]!, offset: words[at + 1]!, length: words[at + 2]!, uncompressedLength: words[at + 3]! };
}
