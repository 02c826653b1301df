/** Counter blocks of AES-CTR: 128-bit big-endian numbers that count up by one for every block of 16 bytes. */

/** Bytes of a counter block, of a nonce, and of what one counter block encrypts. */
export const BLOCK_BYTES = 16;

/** Writes `start + blocks` modulo 2^128 to `target` from `offset`. `start` is 16 bytes; `blocks` is below 2^44. */
export function writeCounter(target: Uint8Array, offset: number, start: Uint8Array, blocks: number): void {
  let carry = blocks;
  for (let i = BLOCK_BYTES - 1; i >= 0; i--) {
    carry += start[i]!;
    target[offset + i] = carry % 256;
    carry = Math.floor(carry / 256);
  }
}

/**
 * How many blocks the counter at `bytes[to]` lies ahead of the one at `bytes[from]`, modulo 2^128; `Infinity` from 2^32
 * blocks on.
 */
export function blocksAhead(bytes: Uint8Array, from: number, to: number): number {
  let ahead = 0;
  let borrow = 0;
  for (let i = BLOCK_BYTES - 1; i >= 0; i--) {
    const digit = bytes[to + i]! - bytes[from + i]! - borrow;
    borrow = digit < 0 ? 1 : 0;
    const place = BLOCK_BYTES - 1 - i;
    if (place < 4) ahead += (digit + 256 * borrow) * 256 ** place;
    else if (digit + 256 * borrow !== 0) return Infinity;
  }
  return ahead;
}

/** Whether the counter at `offset` is zero, which no sealed text may begin with. */
export function isZeroCounter(bytes: Uint8Array, offset: number): boolean {
  for (let i = 0; i < BLOCK_BYTES; i++) if (bytes[offset + i] !== 0) return false;
  return true;
}

/** `length` rounded up to whole blocks. */
export function wholeBlocks(length: number): number {
  return Math.ceil(length / BLOCK_BYTES) * BLOCK_BYTES;
}
