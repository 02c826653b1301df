/** Plans what to read from which packs for a piece of a stream. Needs nothing but the index. */
import { ID_BYTES, type PackId } from "../../base/id.ts";
import { MOST_CHUNK_BYTES } from "../../format/bounds.ts";
import { plaintextLength } from "../../format/pack_header.ts";
import type { BlobIndex } from "../index/blob_index.ts";
import type { BlobPlace } from "../index/place_list.ts";
import { type PackRange, planRanges } from "./pack_ranges.ts";
import { placeOf } from "./pack_reader.ts";

/** One distinct blob of a batch. */
interface PlannedBlob {
  /** The number of the range that holds it; `offset` is within that range. */
  readonly range: number;
  readonly offset: number;
  readonly length: number;
  readonly uncompressedLength: number;
  /** The offset of its plaintext in the batch, in bytes. */
  readonly target: number;
  /** The number of its chunk in the batch, from 0. */
  readonly position: number;
}

/** Plaintext that occurs in the batch again. */
interface PlannedCopy {
  readonly from: number;
  readonly to: number;
  readonly length: number;
}

/** How to read one batch: consecutive chunks of a stream, with their plaintext back to back. */
export interface ReadPlan {
  readonly ranges: readonly PackRange[];
  /** In the order of the ranges and of their offsets. */
  readonly blobs: readonly PlannedBlob[];
  readonly copies: readonly PlannedCopy[];
  /** The length of the plaintext. */
  readonly bytes: number;
  /** How many ids of the content list it covers. */
  readonly count: number;
}

/** Limits of a plan, in bytes. */
export interface ReadPlanLimits {
  /** The most plaintext in a batch; a single larger blob gets its own batch. */
  readonly batchBytes: number;
  /** Gaps up to this size are read, too: another call would cost more. */
  readonly gapBytes: number;
}

/** The most ids in a batch, however small their blobs are, since the plan for each takes memory. */
const MOST_IDS = 1 << 16;

/**
 * Plans the next batch of a content list (32 bytes an id), starting with id number `from`. Throws `IntegrityError` if
 * no index lists a blob, or if its description is impossible for a blob.
 */
export function planRead(
  index: BlobIndex<"data">,
  content: Uint8Array,
  from: number,
  limits: ReadPlanLimits,
): ReadPlan {
  /** The blobs of each pack, by their offsets in it. */
  const wanted = new Map<number, Map<number, WantedBlob>>();
  const copies: PlannedCopy[] = [];
  let bytes = 0;
  let position = from;
  for (; position * ID_BYTES < content.length; position++) {
    const place = placeOf(index, "data", content, position * ID_BYTES, MOST_CHUNK_BYTES);
    const length = plaintextLength(place);
    if (position - from >= MOST_IDS) break;
    if (bytes > 0 && bytes + length > limits.batchBytes) break;
    let ofPack = wanted.get(place.pack);
    if (ofPack === undefined) wanted.set(place.pack, ofPack = new Map());
    const twin = ofPack.get(place.offset);
    if (twin) copies.push({ from: twin.target, to: bytes, length });
    else ofPack.set(place.offset, wantedBlob(place, bytes, position - from));
    bytes += length;
  }
  return { ...groupIntoRanges(index, wanted, limits.gapBytes), copies, bytes, count: position - from };
}

/** The packs that hold the chunks of a content list, by name; what no index lists is left out. */
export function packsOf(index: BlobIndex<"data">, content: Uint8Array): Set<PackId> {
  const numbers = new Set<number>();
  for (let at = 0; at < content.length; at += ID_BYTES) {
    const place = index.locate("data", content, at);
    if (place !== undefined) numbers.add(place.pack);
  }
  return new Set(Array.from(numbers, (number) => index.packId(number)));
}

type WantedBlob = Omit<BlobPlace, "pack"> & Pick<PlannedBlob, "target" | "position">;

function wantedBlob({ offset, length, uncompressedLength }: BlobPlace, target: number, position: number): WantedBlob {
  return { offset, length, uncompressedLength, target, position };
}

function groupIntoRanges(
  index: BlobIndex<"data">,
  wanted: ReadonlyMap<number, ReadonlyMap<number, WantedBlob>>,
  gapBytes: number,
) {
  const ranges: PackRange[] = [];
  const blobs: PlannedBlob[] = [];
  for (const [number, ofPack] of [...wanted].sort(([a], [b]) => a - b)) {
    const pack = index.packId(number);
    const inOrder = [...ofPack.values()].sort((a, b) => a.offset - b.offset);
    for (const range of planRanges(inOrder, { gapBytes })) {
      for (const { offset, length, uncompressedLength, target, position } of range.blobs) {
        const inRange = offset - range.offset;
        blobs.push({ range: ranges.length, offset: inRange, length, uncompressedLength, target, position });
      }
      ranges.push({ pack, offset: range.offset, length: range.length });
    }
  }
  return { ranges, blobs };
}
