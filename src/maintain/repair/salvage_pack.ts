/** What can be saved of one pack: every blob that opens and matches its id in one of several readings. */
import { encodeHex } from "../../base/hex.ts";
import { IntegrityError } from "../../base/errors.ts";
import { sha256Hex } from "../../crypto/digest.ts";
import type { Sealer } from "../../crypto/seal.ts";
import type { PackedBlob } from "../../format/blob.ts";
import { blobSizeProblem } from "../../format/bounds.ts";
import { headerOfPack, openSealed } from "../../repository/pack/pack_reader.ts";

/** A whole blob. */
export interface WholeBlob extends PackedBlob {
  /** The blob as stored: a view of the bytes read. */
  readonly sealed: Uint8Array;
}

/** What is left of a pack. */
export interface PackRemains {
  /** Whether nothing needs repair: name, header and all blobs are right, and the index, if any, agrees. */
  readonly isSound: boolean;
  /** Whole blobs, each once. */
  readonly whole: readonly WholeBlob[];
  /** Lost blobs that the header or the index lists, each once. */
  readonly lost: readonly PackedBlob[];
}

/**
 * Tries every blob that the pack's own header or the index (`described`) lists. If one of the two is damaged, the other
 * still leads to the blobs.
 */
export function salvagePack(
  pack: { readonly id: string; readonly bytes: Uint8Array; readonly described: readonly PackedBlob[] },
  sealer: Sealer,
): PackRemains {
  const { id, bytes, described } = pack;
  const header = headerBlobs(bytes, sealer, `pack ${id}`);
  const candidates = distinct([...header ?? [], ...described]);
  const whole = new Map<string, WholeBlob>();
  const lost = new Map<string, PackedBlob>();
  for (const blob of candidates) {
    const key = keyOf(blob);
    if (whole.has(key)) continue;
    const end = blob.offset + blob.length;
    const sealed = bytes.subarray(blob.offset, end);
    if (end > bytes.length || plaintextOf(blob, sealed, sealer) === null) lost.set(key, blob);
    else {
      whole.set(key, { ...blob, sealed });
      lost.delete(key);
    }
  }
  const isListed = described.length === 0 || distinct(described).length === candidates.length;
  const isSound = header !== null && distinct(header).length === candidates.length && isListed && lost.size === 0 &&
    sha256Hex(bytes) === id;
  return { isSound, whole: [...whole.values()], lost: [...lost.values()] };
}

/** Joins two readings of an unsound pack. A blob is lost only if both readings lost it. */
export function joinRemains(first: PackRemains, second: PackRemains): PackRemains {
  const whole = new Map([...second.whole, ...first.whole].map((blob) => [keyOf(blob), blob]));
  const lost = new Map([...first.lost, ...second.lost].map((blob) => [keyOf(blob), blob]));
  for (const key of whole.keys()) lost.delete(key);
  return { isSound: false, whole: [...whole.values()], lost: [...lost.values()] };
}

/** A key of a blob: its type and id. */
function keyOf({ type, id }: Pick<PackedBlob, "type" | "id">): string {
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

/** Removes repeated descriptions, because header and index usually agree. */
function distinct(blobs: readonly PackedBlob[]): PackedBlob[] {
  const byText = new Map<string, PackedBlob>();
  for (const blob of blobs) {
    const { offset, length, uncompressedLength } = blob;
    byText.set(`${keyOf(blob)} ${offset} ${length} ${uncompressedLength}`, blob);
  }
  return [...byText.values()];
}

/**
 * The verified plaintext of a sealed blob; null if it is damaged. Throws `IntegrityError` for a blob that is too large
 * to verify: it may be whole, so it must not count as lost.
 */
export function plaintextOf(
  { id, type, uncompressedLength }: PackedBlob,
  sealed: Uint8Array,
  sealer: Sealer,
): Uint8Array | null {
  const digest = encodeHex(id);
  const problem = blobSizeProblem({ type, length: sealed.length, uncompressedLength });
  if (problem !== null) throw new IntegrityError(`Cannot verify ${type} blob ${digest}: it ${problem}`);
  try {
    return openSealed(sealer, { digest, uncompressedLength }, sealed, digest);
  } catch (error) {
    if (error instanceof IntegrityError) return null;
    throw error;
  }
}
