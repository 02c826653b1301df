/** Reads what a pack says of itself: its header, from the end of the file. */
import { createHash } from "node:crypto";
import { concatBytes, freeBuffer } from "../../base/bytes.ts";
import { IntegrityError } from "../../base/errors.ts";
import type { PackId } from "../../base/id.ts";
import { sha256Hex } from "../../crypto/digest.ts";
import type { Sealer } from "../../crypto/seal.ts";
import type { PackedBlob } from "../../format/blob.ts";
import { decodePackHeader, decodePackTrailer, PACK_TRAILER_BYTES } from "../../format/pack_header.ts";
import { packError } from "./blob_reader.ts";
import type { Repository } from "../repository.ts";

/** The header of a pack. */
export interface PackHeader {
  /** In their order, without gaps, up to the header itself. */
  readonly blobs: readonly PackedBlob[];
  /** Of its plaintext, in hex. */
  readonly sha256: string;
}

/** Read at once: the header of a usual pack and its length. */
const TAIL_BYTES = 64 * 1024;

/** The header of the pack of `bytes` bytes. Throws `IntegrityError` where it is damaged or the pack is gone. */
export async function readPackHeader(
  { store, sealer }: Repository,
  pack: { readonly id: PackId; readonly bytes: number },
  signal: AbortSignal,
): Promise<PackHeader> {
  const { id, bytes } = pack;
  const file = { kind: "pack", name: id } as const;
  const what = `pack ${id}`;
  try {
    let tail: Uint8Array = await store.get(file, tailOf(bytes, TAIL_BYTES), { signal });
    const wanted = PACK_TRAILER_BYTES + decodePackTrailer(tail.subarray(-PACK_TRAILER_BYTES), bytes, what);
    if (wanted > tail.length) {
      const range = { offset: bytes - wanted, length: wanted - tail.length };
      tail = concatBytes([await store.get(file, range, { signal }), tail]);
    }
    return openHeader(tail.subarray(-wanted), { packBytes: bytes, sealer, what });
  } catch (error) {
    throw packError(error, what);
  }
}

function tailOf(bytes: number, most: number) {
  const length = Math.min(bytes, most);
  return { offset: bytes - length, length };
}

/** Read at once of a pack whose content is only compared with its name: whoever put it there chose its size. */
const PIECE_BYTES = 8 * 2 ** 20;

/** Reads a whole pack, in pieces. Throws `IntegrityError` where its content is not what its name says. */
export async function confirmWhole(
  { store }: Repository,
  pack: { readonly id: PackId; readonly bytes: number },
  signal: AbortSignal,
): Promise<void> {
  const { id, bytes } = pack;
  const sha256 = createHash("sha256");
  for (let offset = 0; offset < bytes; offset += PIECE_BYTES) {
    const range = { offset, length: Math.min(PIECE_BYTES, bytes - offset) };
    const piece = await store.get({ kind: "pack", name: id }, range, { signal });
    sha256.update(piece);
    freeBuffer(piece);
  }
  if (sha256.digest("hex") !== id) {
    throw new IntegrityError(`Damaged pack ${id}: its content does not have the SHA-256 it is named by`);
  }
}

/** The header of a pack that lies in memory as a whole. Throws `IntegrityError`. */
export function headerOfPack(bytes: Uint8Array, sealer: Sealer, what: string): PackHeader {
  const wanted = PACK_TRAILER_BYTES + decodePackTrailer(bytes.subarray(-PACK_TRAILER_BYTES), bytes.length, what);
  return openHeader(bytes.subarray(bytes.length - wanted), { packBytes: bytes.length, sealer, what });
}

/** `tail`: sealed header and trailer. */
function openHeader(
  tail: Uint8Array,
  { packBytes, sealer, what }: { packBytes: number; sealer: Sealer; what: string },
) {
  const plaintext = sealer.open(tail.subarray(0, tail.length - PACK_TRAILER_BYTES), `the header of ${what}`);
  const blobs = decodePackHeader(plaintext, what);
  const last = blobs.at(-1)!;
  if (last.offset + last.length !== packBytes - tail.length) {
    throw new IntegrityError(
      `Damaged ${what}: by its header its blobs have ${last.offset + last.length} bytes, not ${
        packBytes - tail.length
      }`,
    );
  }
  return { blobs, sha256: sha256Hex(plaintext) };
}
