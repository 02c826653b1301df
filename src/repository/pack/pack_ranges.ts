/** Plans which ranges of a pack to read for the wanted blobs. */
import type { PackId } from "../../base/id.ts";
import type { PackedBlob } from "../../format/blob.ts";
import { plaintextLength } from "../../format/pack_header.ts";

/** A range of one pack, in bytes. */
export interface PackRange {
  readonly pack: PackId;
  readonly offset: number;
  readonly length: number;
}

/** Where a blob is in its pack. */
type Extent = Pick<PackedBlob, "offset" | "length" | "uncompressedLength">;

/** A range with the wanted blobs in it, in the order of their offsets. */
export interface PlannedRange<Blob extends Extent> {
  readonly offset: number;
  readonly length: number;
  readonly blobs: readonly Blob[];
}

/** How ranges are planned, in bytes. */
export interface RangeLimits {
  /** Gaps up to this size are read, too. */
  readonly gapBytes: number;
  /**
   * The most that a range and the plaintext of its blobs may have; a single larger blob gets its own range. No limit by
   * default.
   */
  readonly mostBytes?: number;
  readonly mostPlaintextBytes?: number;
}

/** Gaps up to this size are read, too: another call would cost more. */
export const GAP_BYTES = 64 * 1024;

interface GrowingRange<Blob extends Extent> extends PlannedRange<Blob> {
  length: number;
  readonly blobs: Blob[];
  plaintextBytes: number;
}

/**
 * Plans the ranges for the wanted blobs of one pack, which are given in the order of their offsets; near ones share a
 * range.
 */
export function* planRanges<Blob extends Extent>(
  wanted: Iterable<Blob>,
  limits: RangeLimits,
): Generator<PlannedRange<Blob>, void, void> {
  let range: GrowingRange<Blob> | undefined;
  for (const blob of wanted) {
    const plaintextBytes = plaintextLength(blob);
    if (range !== undefined && takesAlong(range, blob, limits)) {
      range.length = Math.max(range.length, blob.offset + blob.length - range.offset);
      range.blobs.push(blob);
      range.plaintextBytes += plaintextBytes;
    } else {
      if (range !== undefined) yield range;
      range = { offset: blob.offset, length: blob.length, blobs: [blob], plaintextBytes };
    }
  }
  if (range !== undefined) yield range;
}

/** Whether a blob is near enough to a range and fits into it. */
function takesAlong<Blob extends Extent>(range: GrowingRange<Blob>, blob: Blob, limits: RangeLimits): boolean {
  const { gapBytes, mostBytes = Infinity, mostPlaintextBytes = Infinity } = limits;
  return blob.offset - (range.offset + range.length) <= gapBytes &&
    blob.offset + blob.length - range.offset <= mostBytes &&
    range.plaintextBytes + plaintextLength(blob) <= mostPlaintextBytes;
}
