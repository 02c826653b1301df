/** What to read from which packs to get a piece of a stream: a plan, made of nothing but the index. */
import { ID_BYTES } from "../../base/id.ts";
import { MOST_CHUNK_BYTES } from "../../format/limits.ts";
import { plaintextLength } from "../../format/pack_header.ts";
import type { BlobIndex, BlobPlace } from "../index/blob_index.ts";
import { type PackRange, planRanges } from "./pack_ranges.ts";
import { placeOf } from "./pack_reader.ts";

/** One distinct blob of a batch. */
interface PlannedBlob {
  /** Which of the plan's ranges holds it, and where in that range. */
  readonly range: number;
  readonly offset: number;
  readonly length: number;
  readonly uncompressedLength: number;
  /** Where its plaintext goes in the batch, in bytes. */
  readonly target: number;
  /** Which chunk of the batch it is, from 0. */
  readonly position: number;
}

/** Plaintext that stands in the batch a second time. */
interface PlannedCopy {
  readonly from: number;
  readonly to: number;
  readonly length: number;
}

/** How to get one batch: consecutive chunks of a stream, their plaintext back to back. */
export interface ReadPlan {
  readonly ranges: readonly PackRange[];
  /** In the order in which they lie in the ranges. */
  readonly blobs: readonly PlannedBlob[];
  readonly copies: readonly PlannedCopy[];
  /** Bytes of plaintext. */
  readonly bytes: number;
  /** How many ids of the content list it takes. */
  readonly count: number;
}

/** Limits of a plan, in bytes. */
export interface ReadPlanLimits {
  /** Plaintext of a batch; a single larger blob makes a batch of its own. */
  readonly batchBytes: number;
  /** Holes up to this size are read along: one call costs more than they do. */
  readonly gapBytes: number;
}

/** Ids of a batch, however small their blobs are: what is planned for each takes memory. */
const MOST_IDS = 1 << 16;

/**
 * Plans the next batch of a content list (32 bytes an id) from id number `from` on. Throws `IntegrityError` where a blob
 * is in no index, or where an index describes it as no blob can be.
 */
export function planRead(
  index: BlobIndex<"data">,
  content: Uint8Array,
  from: number,
  limits: ReadPlanLimits,
): ReadPlan {
  const wanted = new Map<string, WantedBlob>();
  const copies: PlannedCopy[] = [];
  let bytes = 0;
  let position = from;
  for (; position * ID_BYTES < content.length; position++) {
    const place = placeOf(index, "data", content, position * ID_BYTES, MOST_CHUNK_BYTES);
    const length = plaintextLength(place);
    if (position - from >= MOST_IDS) break;
    if (bytes > 0 && bytes + length > limits.batchBytes) break;
    const key = `${place.pack} ${place.offset}`;
    const twin = wanted.get(key);
    if (twin) copies.push({ from: twin.target, to: bytes, length });
    else wanted.set(key, { ...place, target: bytes, position: position - from });
    bytes += length;
  }
  return { ...groupIntoRanges(index, [...wanted.values()], limits.gapBytes), copies, bytes, count: position - from };
}

interface WantedBlob extends BlobPlace {
  readonly target: number;
  readonly position: number;
}

function groupIntoRanges(index: BlobIndex<"data">, wanted: WantedBlob[], gapBytes: number) {
  wanted.sort((a, b) => a.pack - b.pack || a.offset - b.offset);
  const ranges: PackRange[] = [];
  const blobs: PlannedBlob[] = [];
  for (const [number, ofPack] of Map.groupBy(wanted, ({ pack }) => pack)) {
    const pack = index.packId(number);
    for (const range of planRanges(ofPack, { gapBytes })) {
      for (const { offset, length, uncompressedLength, target, position } of range.blobs) {
        const inRange = offset - range.offset;
        blobs.push({ range: ranges.length, offset: inRange, length, uncompressedLength, target, position });
      }
      ranges.push({ pack, offset: range.offset, length: range.length });
    }
  }
  return { ranges, blobs };
}
