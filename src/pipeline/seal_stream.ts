/** From a stream to sealed blobs: cut here, digested, named, compressed and sealed in other threads, all bounded. */
import { concatBytes } from "../base/bytes.ts";
import type { IdTable } from "../base/id_table.ts";
import type { Chunker } from "../chunker/gear.ts";
import type { SealedBatch } from "./calls.ts";
import type { Feed, FilledSegment } from "./feed.ts";
import type { Inspection } from "./inspection.ts";
import type { PipelineThreads } from "./threads.ts";

/** What `sealStream` works with. */
export interface SealStreamOptions {
  readonly feed: Feed;
  readonly chunker: Chunker;
  readonly threads: PipelineThreads;
  /** Gets every piece; at the end it is the caller who finishes or drops it. */
  readonly inspection: Inspection;
  /** The blobs the repository holds; the taker of the batches adds to it what it stores. */
  readonly known: IdTable;
  /** How many streams go through these threads at present; one, where it is not given. They share what goes on ahead. */
  readonly streamsUnderWay?: () => number;
}

/** Batches that are being worked on at a time, for each sealing thread. */
const BATCHES_PER_THREAD = 2;

/** Yields the chunks of the whole stream in order, as they get ready. Throws what the feed throws. */
export async function* sealStream(options: SealStreamOptions): AsyncGenerator<SealedBatch, void, void> {
  const { feed, threads, inspection, known, streamsUnderWay = () => 1 } = options;
  const batchesAtOnce = () => Math.max(1, Math.floor(threads.blobThreads * BATCHES_PER_THREAD / streamsUnderWay()));
  const cutter = new SegmentCutter(options.chunker);
  const inFlight: Promise<SealedBatch>[] = [];
  try {
    for (;;) {
      const filled = await feed.next();
      const request = filled === null ? cutter.last() : cutter.cut(filled);
      if (request !== null) {
        threads.shareKnown(known);
        inFlight.push(guarded(seal(threads, request, filled)));
      }
      if (filled === null) break;
      inspection.take(filled);
      while (inFlight.length >= batchesAtOnce()) yield await inFlight.shift()!;
    }
    while (inFlight.length > 0) yield await inFlight.shift()!;
  } finally {
    await Promise.allSettled(inFlight);
  }
}

interface CutSegment {
  readonly carry: Uint8Array<ArrayBuffer>;
  readonly cuts: Uint32Array<ArrayBuffer>;
}

/** Cuts segment after segment and keeps what is left of each one for the next. */
class SegmentCutter {
  readonly #chunker: Chunker;
  #carry = new Uint8Array(0);

  constructor(chunker: Chunker) {
    this.#chunker = chunker;
  }

  /** The chunks that end in this segment, or null where none does. */
  cut({ segment, length }: FilledSegment): CutSegment | null {
    const bytes = segment.bytes.subarray(0, length);
    const cuts: number[] = [];
    let position = 0;
    for (let cut = 0; position < length && (cut = this.#chunker.next(bytes, position)) >= 0;) {
      cuts.push(cut);
      position = cut;
    }
    const carry = this.#carry;
    this.#carry = concatBytes(cuts.length > 0 ? [bytes.subarray(position)] : [carry, bytes]);
    return cuts.length > 0 ? { carry, cuts: Uint32Array.from(cuts) } : null;
  }

  /** What is left at the end of the stream as one last chunk, or null where nothing is. */
  last(): CutSegment | null {
    const carry = this.#carry;
    this.#carry = new Uint8Array(0);
    return carry.length > 0 ? { carry, cuts: Uint32Array.of(0) } : null;
  }
}

const NO_SEGMENT = new SharedArrayBuffer(0);

async function seal(threads: PipelineThreads, { carry, cuts }: CutSegment, filled: FilledSegment | null) {
  const segment = filled?.segment;
  segment?.retain();
  try {
    const request = { carry, cuts, segment: segment?.bytes.buffer ?? NO_SEGMENT };
    return await threads.callBlobs("seal", request, [carry.buffer, cuts.buffer]);
  } finally {
    segment?.release();
  }
}

/** Keeps a rejection from counting as unhandled until somebody awaits it. */
function guarded<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}
