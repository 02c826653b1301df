/** Sizes of AES blocks, and the check for zero nonces. */

/** Bytes of an AES block, of a counter block and of a nonce. */
export const BLOCK_BYTES = 16;

/** Whether the counter at `offset` is zero, which no sealed bytes may begin with. */
export function isZeroCounter(bytes: Uint8Array, offset: number): boolean {
  for (let i = 0; i < BLOCK_BYTES; i++) if (bytes[offset + i] !== 0) return false;
  return true;
}

/** `length` rounded up to whole blocks. */
export function wholeBlocks(length: number): number {
  return Math.ceil(length / BLOCK_BYTES) * BLOCK_BYTES;
}
