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

/** A stream that changed here and there leads back and forth between as many runs at a time. */
const RECENT_GROUPS = 8;

/**
 * Groups sealed blobs, pieces of `bytes` that begin with their nonces. `overhead` is how many bytes longer each is than its
 * ciphertext. A piece joins one of the groups begun last, so those that were sealed in one run should come in their order,
 * with not too many others between them; any order is right.
 */
export function planDecryption(bytes: Uint8Array, pieces: readonly Piece[], overhead: number): DecryptionGroup[] {
  const groups: OpenGroup[] = [];
  pieces.forEach((piece, index) => {
    const length = piece.length - overhead;
    for (let n = groups.length - 1; n >= Math.max(0, groups.length - RECENT_GROUPS); n--) {
      const group = groups[n]!;
      const offset = blocksAhead(bytes, pieces[group.members[0]!]!.offset, piece.offset) * BLOCK_BYTES;
      if (!fits(group, offset, length)) continue;
      group.members.push(index);
      group.offsets.push(offset);
      group.length = offset + length;
      return;
    }
    groups.push({ members: [index], offsets: [0], length });
  });
  return groups;
}

function fits(group: OpenGroup, offset: number, length: number): boolean {
  const gap = offset - group.length;
  return gap >= 0 && gap <= LARGEST_GAP_BYTES && offset + length <= LARGEST_GROUP_BYTES;
}
