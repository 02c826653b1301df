/** Which sealed blobs one AES-CTR call can decrypt together: those whose counters follow each other. */
import { BLOCK_BYTES, blocksAhead } from "./counter.ts";
import type { Piece } from "./piece.ts";

/**
 * One call: ciphertexts laid out where their counters put them. `members` are indexes of pieces in the order of their
 * counters, the first of which the call begins with; member j lies at byte `offsets[j]`; `length` bytes in all.
 */
export interface DecryptionGroup {
  readonly members: readonly number[];
  readonly offsets: readonly number[];
  readonly length: number;
}

/** Largest gap that is decrypted for nothing rather than paying for another call (some 100 microseconds). */
const LARGEST_GAP_BYTES = 64 * 1024;

/** Where a group ends, so that several calls share the work of large batches. */
const LARGEST_GROUP_BYTES = 1024 * 1024;

interface OpenGroup {
  members: number[];
  offsets: number[];
  length: number;
}

/**
 * Groups sealed blobs, pieces of `bytes` that begin with their nonces. `overhead` is how many bytes longer each is than its
 * ciphertext. Pieces join the group of the piece before them, so those that were sealed in one run should come in their
 * order; any order is right.
 */
export function planDecryption(bytes: Uint8Array, pieces: readonly Piece[], overhead: number): DecryptionGroup[] {
  const groups: OpenGroup[] = [];
  pieces.forEach((piece, index) => {
    const length = piece.length - overhead;
    const group = groups.at(-1);
    const offset = group ? blocksAhead(bytes, pieces[group.members[0]!]!.offset, piece.offset) * BLOCK_BYTES : 0;
    if (group && fits(group, offset, length)) {
      group.members.push(index);
      group.offsets.push(offset);
      group.length = offset + length;
    } else {
      groups.push({ members: [index], offsets: [0], length });
    }
  });
  return groups;
}

function fits(group: OpenGroup, offset: number, length: number): boolean {
  const gap = offset - group.length;
  return gap >= 0 && gap <= LARGEST_GAP_BYTES && offset + length <= LARGEST_GROUP_BYTES;
}
