/** What can be saved of one pack: every blob that opens and is what its id says, in any of several readings of the pack. */
import { encodeHex } from "../../base/hex.ts";
import { IntegrityError } from "../../base/errors.ts";
import { sha256Hex } from "../../crypto/digest.ts";
import type { Sealer } from "../../crypto/seal.ts";
import type { PackedBlob } from "../../format/blob.ts";
import { blobSizeProblem } from "../../format/limits.ts";
import { headerOfPack, openSealed } from "../../repository/pack/pack_reader.ts";

/** A blob that is whole. */
export interface WholeBlob extends PackedBlob {
  /** As it lies in the pack: a view of the bytes that were read. */
  readonly sealed: Uint8Array;
}

/** What is left of a pack. */
export interface PackRemains {
  /** Whether there is nothing to repair: name, header and every blob are right, and the index, if any, says the same. */
  readonly isSound: boolean;
  /** Blobs that are whole, each once. */
  readonly whole: readonly WholeBlob[];
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

/** What is left by two readings of a pack neither of which found it sound: a blob is lost where both say so. */
export function joinRemains(first: PackRemains, second: PackRemains): PackRemains {
  const whole = new Map([...second.whole, ...first.whole].map((blob) => [keyOf(blob), blob]));
  const lost = new Map([...first.lost, ...second.lost].map((blob) => [keyOf(blob), blob]));
  for (const key of whole.keys()) lost.delete(key);
  return { isSound: false, whole: [...whole.values()], lost: [...lost.values()] };
}

/** Identifies a blob among others: its type and id. */
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

/** Descriptions, each once: mostly header and index say the same. */
function distinct(blobs: readonly PackedBlob[]): PackedBlob[] {
  const byText = new Map<string, PackedBlob>();
  for (const blob of blobs) {
    const { offset, length, uncompressedLength } = blob;
    byText.set(`${keyOf(blob)} ${offset} ${length} ${uncompressedLength}`, blob);
  }
  return [...byText.values()];
}

/**
 * The plaintext of a sealed blob, verified; null where it is damaged. Throws `IntegrityError` for one that is too large to
 * be verified: it may be whole, so it must not count as lost.
 */
export function plaintextOf(
  { id, type, uncompressedLength }: PackedBlob,
  sealed: Uint8Array,
  sealer: Sealer,
): Uint8Array | null {
  const digest = encodeHex(id);
  const problem = blobSizeProblem({ length: sealed.length, uncompressedLength });
  if (problem !== null) throw new IntegrityError(`Cannot verify ${type} blob ${digest}: it ${problem}`);
  try {
    return openSealed(sealer, { digest, uncompressedLength }, sealed, digest);
  } catch (error) {
    if (error instanceof IntegrityError) return null;
    throw error;
  }
}
