/** Blocks of AES and nonces. */

/** Bytes of a counter block, of a nonce, and of what one counter block encrypts. */
export const BLOCK_BYTES = 16;

/** Whether the counter at `offset` is zero, which no sealed text may begin with. */
export function isZeroCounter(bytes: Uint8Array, offset: number): boolean {
  for (let i = 0; i < BLOCK_BYTES; i++) if (bytes[offset + i] !== 0) return false;
  return true;
}

/** `length` rounded up to whole blocks. */
export function wholeBlocks(length: number): number {
  return Math.ceil(length / BLOCK_BYTES) * BLOCK_BYTES;
}
