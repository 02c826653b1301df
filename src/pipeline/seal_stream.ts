/** From a stream to sealed blobs: cut here, digested, named, compressed and sealed in other threads, all bounded. */
import { concatBytes } from "../base/bytes.ts";
import type { IdTable } from "../base/id_table.ts";
import type { Permit } from "../base/limits.ts";
import type { Chunker } from "../chunker/gear.ts";
import type { SealedBatch } from "./calls.ts";
import type { Feed, FilledSegment } from "./feed.ts";
import type { Inspection } from "./inspection.ts";
import type { PipelineThreads } from "./threads.ts";

/** What `sealStream` works with. */
interface SealStreamOptions {
  readonly feed: Feed;
  readonly chunker: Chunker;
  readonly threads: PipelineThreads;
  /** Gets every piece; at the end it is the caller who finishes or drops it. */
  readonly inspection: Inspection;
  /** The blobs the repository holds; the taker of the batches adds to it what it stores. */
  readonly known: IdTable;
}

/**
 * Yields the chunks of the whole stream in order, as they get ready; a batch counts as stored when the next one is asked
 * for. Throws what the feed throws. Any number of streams may share the threads: a stream holds slots for batches only as
 * long as it can go on by itself, never while it waits for its feed or for another slot.
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
        // One's own batches go first, so that no stream waits for another one's slot with one in its hands.
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
    return await threads.seal({ carry, cuts, segment: segment?.bytes.buffer ?? NO_SEGMENT });
  } finally {
    segment?.release();
  }
}

/** Whether `one` settles before `other`, or both have. */
function settlesFirst(one: Promise<unknown>, other: Promise<unknown>): Promise<boolean> {
  const [yes, no] = [() => true, () => false];
  return Promise.race([one.then(yes, yes), other.then(no, no)]);
}

/** Keeps a rejection from counting as unhandled until somebody awaits it. */
function guarded<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}
