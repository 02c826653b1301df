/**
 * How rows lie in a sorted table: 32 bytes each, a key of 16 bytes and a value of 16, both as words of four bytes with
 * the least significant byte first. Rows are ordered by their keys, word by word.
 */

/** Bytes of a key. */
const KEY_BYTES = 16;
/** Words of a key. */
export const KEY_WORDS = KEY_BYTES / 4;
/** Bytes of a value. */
const VALUE_BYTES = 16;
/** Bytes of a row. */
const ROW_BYTES = KEY_BYTES + VALUE_BYTES;
/** Words of a row. */
export const ROW_WORDS = ROW_BYTES / 4;

/** Bytes of a block of a run file: rows, then a digest. */
export const BLOCK_BYTES = 4096;
/** Bytes of a digest. */
export const DIGEST_BYTES = 32;
/** How many rows a block holds. */
export const ROWS_PER_BLOCK = (BLOCK_BYTES - DIGEST_BYTES) / ROW_BYTES;

/** How many blocks hold so many rows. */
export function blocksOf(rows: number): number {
  return Math.ceil(rows / ROWS_PER_BLOCK);
}

/** Compares the key at word `at` of `a` with the one at `bt` of `b`: negative, 0 or positive. */
export function compareKeys(a: Uint32Array, at: number, b: Uint32Array, bt: number): number {
  for (let word = 0; word < KEY_WORDS; word++) {
    const difference = a[at + word]! - b[bt + word]!;
    if (difference !== 0) return difference;
  }
  return 0;
}
