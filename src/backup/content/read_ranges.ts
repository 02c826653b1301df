/** Reads ranges of a stream without the rest of it: only the chunks that they touch, each verified by its id. */
import type { StreamSink } from "../../base/byte_source.ts";
import { IntegrityError } from "../../base/errors.ts";
import { ID_BYTES } from "../../base/id.ts";
import { quoteByteString } from "../../format/byte_string.ts";
import { MOST_CHUNK_BYTES } from "../../format/bounds.ts";
import { plaintextLength } from "../../format/pack_header.ts";
import type { Segment } from "../../pipeline/segments.ts";
import { placeOf } from "../../repository/pack/pack_reader.ts";
import type { BackupFile } from "./contents.ts";
import { readStream } from "./read_stream.ts";
import type { ContentReading } from "./read_verified.ts";

/** Bytes `start` to `end` of a stream. */
export interface ByteExtent {
  readonly start: number;
  readonly end: number;
}

/** A piece of a range: bytes `from` to `to` of a segment. */
export interface RangePiece {
  readonly segment: Segment;
  readonly from: number;
  readonly to: number;
}

/** How much may be read besides what is wanted, as a share of it, to save requests. */
const MOST_WASTE = 0.04;
/** How many chunks are given to a reading at once. */
const CHUNKS_AT_ONCE = 4096;

/** How ranges are read. */
interface RangesReading extends ContentReading {
  /**
   * Whether what lies behind the last range is left alone. Its chunks are not counted then, so the caller must see to it
   * that all bytes came.
   */
  readonly endsEarly?: boolean;
}

/**
 * Yields the bytes of ascending ranges that do not overlap. Owns: the caller releases the segment of each piece. Throws
 * `IntegrityError` for damage, and if the chunks of the stream are not those that its manifest counts.
 */
export async function* readRanges(
  file: BackupFile,
  ranges: readonly ByteExtent[],
  reading: RangesReading,
): AsyncGenerator<RangePiece, void, void> {
  if (ranges.length === 0) return;
  const walk = new ChunkWalk(file, ranges, reading);
  let position = 0;
  for await (const filled of readStream(walk.contents(), { ...reading, mostWaste: MOST_WASTE })) {
    const { segment, length } = filled;
    try {
      for (const { start, end } of walk.wantedUpTo(position + length)) {
        segment.retain();
        yield { segment, from: start - position, to: end - position };
      }
    } finally {
      segment.release();
    }
    position += length;
  }
}

/**
 * Writes one range of a stream to a sink, and reads nothing behind it. Throws `IntegrityError` for damage, and if the
 * stream does not have all of the range; the sink may have received part of it by then.
 */
export async function writeRange(
  file: BackupFile,
  range: ByteExtent,
  reading: ContentReading,
  sink: StreamSink,
): Promise<void> {
  const pieces = readRanges(file, range.end > range.start ? [range] : [], { ...reading, endsEarly: true });
  await writePieces(pieces, { bytes: range.end - range.start, path: file.path }, reading.signal, sink);
}

/** Writes pieces to a sink. Throws `IntegrityError` if they are not as long together as they must be. */
export async function writePieces(
  pieces: AsyncIterable<RangePiece>,
  { bytes, path }: { readonly bytes: number; readonly path: string },
  signal: AbortSignal,
  sink: StreamSink,
): Promise<void> {
  let written = 0;
  for await (const { segment, from, to } of pieces) {
    try {
      await sink.write(segment.bytes.subarray(from, to));
    } finally {
      segment.release();
    }
    signal.throwIfAborted();
    written += to - from;
  }
  if (written === bytes) return;
  throw new IntegrityError(
    `Damaged ${quoteByteString(path)}: of ${bytes} bytes that were asked for, it has ${written}`,
  );
}

/** Finds the chunks of the ranges, and where the ranges lie in what these chunks are together. */
class ChunkWalk {
  readonly #file: BackupFile;
  readonly #ranges: readonly ByteExtent[];
  readonly #reading: RangesReading;
  /** The wanted parts of the chunks that were found and are not read yet. */
  #wanted: ByteExtent[] = [];
  /** Bytes of the chunks that were found. */
  #found = 0;

  constructor(file: BackupFile, ranges: readonly ByteExtent[], reading: RangesReading) {
    this.#file = file;
    this.#ranges = ranges;
    this.#reading = reading;
  }

  /** The ids of the chunks of the ranges. */
  async *contents(): AsyncGenerator<Uint8Array> {
    const { repository: { index }, endsEarly = false } = this.#reading;
    const last = this.#ranges.at(-1)!.end;
    const { path, size, expected } = this.#file;
    let [offset, chunks, range] = [0, 0, 0];
    for await (const content of this.#file.contents()) {
      let ids: number[] = [];
      chunks += content.length / ID_BYTES;
      await index.lookUp?.(content);
      for (let at = 0; at < content.length; at += ID_BYTES) {
        const end = offset + plaintextLength(placeOf(index, "data", content, at, MOST_CHUNK_BYTES));
        while (range < this.#ranges.length && this.#ranges[range]!.end <= offset) range++;
        if (this.#want(range, offset, end)) ids.push(at);
        offset = end;
        if (endsEarly && offset >= last) break;
        if (ids.length < CHUNKS_AT_ONCE) continue;
        yield subset(content, ids);
        ids = [];
      }
      if (ids.length > 0) yield subset(content, ids);
      if (endsEarly && offset >= last) return;
    }
    if (offset !== size || expected !== null && chunks !== expected.blobs) {
      const blobs = expected === null ? "" : ` in ${expected.blobs} blobs`;
      throw new IntegrityError(
        `Damaged "${path}": its tree holds ${offset} bytes in ${chunks} blobs instead of ${size}${blobs}; do not use it`,
      );
    }
  }

  /** Notes what is wanted of a chunk. Returns whether that is anything. */
  #want(first: number, start: number, end: number): boolean {
    const before = this.#wanted.length;
    for (let i = first; i < this.#ranges.length && this.#ranges[i]!.start < end; i++) {
      const range = this.#ranges[i]!;
      this.#wanted.push({
        start: this.#found + Math.max(range.start, start) - start,
        end: this.#found + Math.min(range.end, end) - start,
      });
    }
    if (this.#wanted.length === before) return false;
    this.#found += end - start;
    return true;
  }

  /** Takes the wanted parts that end by `position` of the chunks that were found. No part spans two chunks. */
  *wantedUpTo(position: number): Generator<ByteExtent> {
    let taken = 0;
    while (taken < this.#wanted.length && this.#wanted[taken]!.end <= position) {
      let { start, end } = this.#wanted[taken++]!;
      for (; this.#wanted[taken]?.start === end && this.#wanted[taken]!.end <= position; taken++) {
        end = this.#wanted[taken]!.end;
      }
      yield { start, end };
    }
    this.#wanted.splice(0, taken);
  }
}

function subset(content: Uint8Array, offsets: readonly number[]): Uint8Array {
  const ids = new Uint8Array(offsets.length * ID_BYTES);
  offsets.forEach((at, i) => ids.set(content.subarray(at, at + ID_BYTES), i * ID_BYTES));
  return ids;
}
