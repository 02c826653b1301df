/** What to read from which packs to get a piece of a stream: a plan, made of nothing but the index. */
import { IntegrityError } from "../../base/errors.ts";
import { encodeHex } from "../../base/hex.ts";
import { ID_BYTES, type PackId } from "../../base/id.ts";
import { blobSizeProblem, MOST_CHUNK_BYTES } from "../../format/limits.ts";
import { plaintextLength } from "../../format/pack_header.ts";
import type { BlobIndex, BlobPlace } from "../index/blob_index.ts";

/** A range of one pack. */
export interface PackRange {
  readonly pack: PackId;
  readonly offset: number;
  readonly length: number;
}

/** One distinct blob of a batch. */
export interface PlannedBlob {
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
export interface PlannedCopy {
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
    const place = index.locate("data", content, position * ID_BYTES);
    if (place === undefined) throw missingBlob(content, position);
    const problem = blobSizeProblem(place, MOST_CHUNK_BYTES);
    if (problem !== null) throw impossibleBlob(index, place, idAt(content, position), problem);
    const length = plaintextLength(place);
    if (position - from >= MOST_IDS) break;
    if (bytes > 0 && bytes + length > limits.batchBytes) break;
    const key = `${place.pack} ${place.offset}`;
    const twin = wanted.get(key);
    if (twin) copies.push({ from: twin.target, to: bytes, length });
    else wanted.set(key, { place, target: bytes, position: position - from });
    bytes += length;
  }
  return { ...groupIntoRanges(index, [...wanted.values()], limits.gapBytes), copies, bytes, count: position - from };
}

interface WantedBlob {
  readonly place: BlobPlace;
  readonly target: number;
  readonly position: number;
}

function groupIntoRanges(index: BlobIndex<"data">, wanted: WantedBlob[], gapBytes: number) {
  wanted.sort((a, b) => a.place.pack - b.place.pack || a.place.offset - b.place.offset);
  const ranges: { pack: PackId; offset: number; length: number }[] = [];
  const blobs: PlannedBlob[] = [];
  let lastPack = -1;
  for (const { place, target, position } of wanted) {
    let range = ranges.at(-1);
    if (range === undefined || place.pack !== lastPack || place.offset - (range.offset + range.length) > gapBytes) {
      range = { pack: index.packId(place.pack), offset: place.offset, length: 0 };
      ranges.push(range);
      lastPack = place.pack;
    }
    range.length = Math.max(range.length, place.offset + place.length - range.offset);
    const { length, uncompressedLength } = place;
    const offset = place.offset - range.offset;
    blobs.push({ range: ranges.length - 1, offset, length, uncompressedLength, target, position });
  }
  return { ranges, blobs };
}

function idAt(content: Uint8Array, position: number): string {
  return encodeHex(content, position * ID_BYTES, ID_BYTES);
}

function impossibleBlob(index: BlobIndex<"data">, { pack }: BlobPlace, id: string, problem: string): IntegrityError {
  return new IntegrityError(`Damaged index: by it, data blob ${id} in pack ${index.packId(pack)} ${problem}`);
}

function missingBlob(content: Uint8Array, position: number): IntegrityError {
  return new IntegrityError(`Missing data blob ${idAt(content, position)}: no index lists it; run "agent check"`);
}
