/** Which ranges of a pack to read for the blobs that are wanted of it. */
import type { PackId } from "../../base/id.ts";
import type { PackedBlob } from "../../format/blob.ts";
import { plaintextLength } from "../../format/pack_header.ts";

/** A range of one pack, in bytes. */
export interface PackRange {
  readonly pack: PackId;
  readonly offset: number;
  readonly length: number;
}

/** Where a blob lies in a pack. */
type Extent = Pick<PackedBlob, "offset" | "length" | "uncompressedLength">;

/** A range, and the blobs that are wanted of it, in the order in which they lie there. */
export interface PlannedRange<Blob extends Extent> {
  readonly offset: number;
  readonly length: number;
  readonly blobs: readonly Blob[];
}

/** How ranges are planned, in bytes. */
export interface RangeLimits {
  /** Holes up to this size are read along. */
  readonly gapBytes: number;
  /** Of a range and of the plaintext of its blobs at most; a single larger blob makes a range of its own. No limit by default. */
  readonly mostBytes?: number;
  readonly mostPlaintextBytes?: number;
}

/** Holes up to this size are read along: one call costs more than they do. */
export const GAP_BYTES = 64 * 1024;

interface GrowingRange<Blob extends Extent> extends PlannedRange<Blob> {
  length: number;
  readonly blobs: Blob[];
  plaintextBytes: number;
}

/** Plans the ranges that hold the wanted blobs of one pack, given in the order of their offsets: near ones together. */
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

/** Whether a blob lies near enough behind a range and there is room for it. */
function takesAlong<Blob extends Extent>(range: GrowingRange<Blob>, blob: Blob, limits: RangeLimits): boolean {
  const { gapBytes, mostBytes = Infinity, mostPlaintextBytes = Infinity } = limits;
  return blob.offset - (range.offset + range.length) <= gapBytes &&
    blob.offset + blob.length - range.offset <= mostBytes &&
    range.plaintextBytes + plaintextLength(blob) <= mostPlaintextBytes;
}
