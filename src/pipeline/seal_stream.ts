/**
 * Turns a stream into sealed blobs, with bounded memory: cuts it here, and digests, names, compresses and seals it in
 * other threads.
 */
import { concatBytes } from "../base/bytes.ts";
import type { IdTable } from "../base/id_table.ts";
import type { Permit } from "../base/limits.ts";
import type { Chunker } from "../chunker/gear.ts";
import type { SealedBatch } from "./calls.ts";
import type { Feed, FilledSegment } from "./feed.ts";
import type { StreamInspection } from "./inspection.ts";
import type { PipelineThreads } from "./threads.ts";

/** What `sealStream` needs. */
interface SealStreamOptions {
  readonly feed: Feed;
  readonly chunker: Chunker;
  readonly threads: PipelineThreads;
  /** Receives every piece; the caller finishes or drops it at the end. */
  readonly inspection: StreamInspection;
  /** The blobs that the repository holds. The consumer of the batches adds the blobs that it stores. */
  readonly known: IdTable;
}

/**
 * Yields the chunks of the whole stream in order, as soon as they are ready. A batch counts as stored when the next one
 * is requested. Throws what the feed throws. Any number of streams may share the threads: a stream keeps slots for
 * batches only while it can make progress by itself, never while it waits for its feed or for another slot.
 */
export async function* sealStream(options: SealStreamOptions): AsyncGenerator<SealedBatch, void, void> {
  const { feed, threads, inspection, known } = options;
  const slots = threads.batchSlots;
  const cutter = new SegmentCutter(options.chunker);
  const inFlight: BatchInFlight[] = [];
  let arriving: Promise<FilledSegment | null> | undefined;
  const oldest = async function* () {
    const { batch, slot } = inFlight[0]!;
    yield await batch;
    inFlight.shift();
    slot.release();
  };
  try {
    for (let ended = false; !ended;) {
      arriving = guarded(feed.next());
      while (inFlight.length > 0 && !await settlesFirst(arriving, inFlight[0]!.batch)) yield* oldest();
      const filled: FilledSegment | null = await arriving;
      arriving = undefined;
      ended = filled === null;
      filled?.segment.retain();
      try {
        const request = filled === null ? cutter.last() : cutter.cut(filled);
        if (filled !== null) inspection.take(filled);
        if (request === null) continue;
        // Its own batches are passed on first, so that no stream keeps a slot while it waits for another one's.
        let slot = slots.tryTake();
        for (; slot === undefined && inFlight.length > 0; slot = slots.tryTake()) yield* oldest();
        slot ??= await slots.take();
        threads.shareKnown(known);
        inFlight.push({ slot, batch: guarded(seal(threads, request, filled)) });
      } finally {
        filled?.segment.release();
      }
    }
    while (inFlight.length > 0) yield* oldest();
  } finally {
    arriving?.then((filled) => filled?.segment.release(), () => {});
    await Promise.allSettled(inFlight.map(({ batch }) => batch));
    for (const { slot } of inFlight) slot.release();
  }
}

interface BatchInFlight {
  readonly batch: Promise<SealedBatch>;
  readonly slot: Permit;
}

interface CutSegment {
  readonly carry: Uint8Array<ArrayBuffer>;
  readonly cuts: Uint32Array<ArrayBuffer>;
}

/** Cuts one segment after the other, and keeps the rest of each for the next. */
class SegmentCutter {
  readonly #chunker: Chunker;
  #carry = new Uint8Array(0);

  constructor(chunker: Chunker) {
    this.#chunker = chunker;
  }

  /** The chunks that end in this segment; null if none does. */
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

  /** The rest of the stream as its last chunk; null if nothing is left. */
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
    return await threads.seal({ carry, cuts, segment: segment?.bytes.buffer ?? NO_SEGMENT });
  } finally {
    segment?.release();
  }
}

/** Whether `one` settles before `other`, or both have settled already. */
function settlesFirst(one: Promise<unknown>, other: Promise<unknown>): Promise<boolean> {
  const [yes, no] = [() => true, () => false];
  return Promise.race([one.then(yes, yes), other.then(no, no)]);
}

/** Keeps a rejection from counting as unhandled until the promise is awaited. */
function guarded<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}
