/** What can be saved of one pack: every blob that still opens and is what its id says. */
import { encodeHex } from "../base/hex.ts";
import { IntegrityError } from "../base/errors.ts";
import { sha256Hex } from "../crypto/digest.ts";
import type { Sealer } from "../crypto/seal.ts";
import { decompress } from "../crypto/zstd.ts";
import type { PackedBlob } from "../format/blob.ts";
import { headerOfPack } from "./repair_header.ts";

/** What is left of a pack. */
export interface PackRemains {
  /** Whether there is nothing to repair: name, header and every blob are right, and the index, if any, says the same. */
  readonly isSound: boolean;
  /** Blobs that are whole, each once. */
  readonly whole: readonly PackedBlob[];
  /** Blobs that header or index tell of and that are not there, each once. */
  readonly lost: readonly PackedBlob[];
}

/**
 * Looks at every blob that the pack's own header or the index (`described`) tells of: where one of them is damaged the
 * other still leads to the blobs.
 */
export function salvagePack(
  pack: { readonly id: string; readonly bytes: Uint8Array; readonly described: readonly PackedBlob[] },
  sealer: Sealer,
): PackRemains {
  const { id, bytes, described } = pack;
  const header = headerBlobs(bytes, sealer, `pack ${id}`);
  const candidates = distinct([...header ?? [], ...described]);
  const whole = new Map<string, PackedBlob>();
  const lost = new Map<string, PackedBlob>();
  for (const blob of candidates) {
    const key = keyOf(blob);
    if (whole.has(key)) continue;
    if (plaintextOf(blob, bytes, sealer) === null) lost.set(key, blob);
    else {
      whole.set(key, blob);
      lost.delete(key);
    }
  }
  const isListed = described.length === 0 || distinct(described).length === candidates.length;
  const isSound = header !== null && distinct(header).length === candidates.length && isListed && lost.size === 0 &&
    sha256Hex(bytes) === id;
  return { isSound, whole: [...whole.values()], lost: [...lost.values()] };
}

/** Identifies a blob among others: its type and id. */
export function keyOf({ type, id }: Pick<PackedBlob, "type" | "id">): string {
  return `${type} ${encodeHex(id)}`;
}

function headerBlobs(bytes: Uint8Array, sealer: Sealer, what: string): readonly PackedBlob[] | null {
  try {
    return headerOfPack(bytes, sealer, what).blobs;
  } catch (error) {
    if (error instanceof IntegrityError) return null;
    throw error;
  }
}

/** Descriptions, each once: mostly header and index say the same. */
function distinct(blobs: readonly PackedBlob[]): PackedBlob[] {
  const byText = new Map<string, PackedBlob>();
  for (const blob of blobs) {
    const { offset, length, uncompressedLength } = blob;
    byText.set(`${keyOf(blob)} ${offset} ${length} ${uncompressedLength}`, blob);
  }
  return [...byText.values()];
}

/** The plaintext of a blob in the bytes of its pack, verified; null where there is no such blob at that place. */
export function plaintextOf(blob: PackedBlob, bytes: Uint8Array, sealer: Sealer): Uint8Array | null {
  const { id, offset, length, uncompressedLength } = blob;
  if (offset + length > bytes.length) return null;
  const digest = encodeHex(id);
  try {
    const payload = sealer.open(bytes.subarray(offset, offset + length), digest);
    const plaintext = uncompressedLength > 0
      ? decompress(payload, uncompressedLength, uncompressedLength, digest)
      : payload;
    return sha256Hex(plaintext) === digest ? plaintext : null;
  } catch (error) {
    if (error instanceof IntegrityError) return null;
    throw error;
  }
}
