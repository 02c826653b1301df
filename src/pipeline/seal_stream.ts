/**
 * Turns a stream into sealed blobs, with bounded memory: cuts it here, and digests, names, compresses and seals it in
 * other threads.
 */
import type { IdTable } from "../base/id_table.ts";
import type { Permit } from "../base/limits.ts";
import type { Chunker } from "../chunker/gear.ts";
import type { SealedBatch } from "./calls.ts";
import type { CarryBuffer, CarryPool } from "./carry_pool.ts";
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
  const cutter = new SegmentCutter(options.chunker, threads.carries);
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
    cutter.drop();
    arriving?.then((filled) => filled?.segment.release(), () => {});
    await Promise.allSettled(inFlight.map(({ batch }) => batch));
    for (const { slot } of inFlight) slot.release();
  }
}

interface BatchInFlight {
  readonly batch: Promise<SealedBatch>;
  readonly slot: Permit;
}

/** Chunks that end in one segment. */
interface CutSegment {
  /** Holds the beginning of the first chunk, which has `carryBytes` bytes; null if there are none. */
  readonly carry: CarryBuffer | null;
  readonly carryBytes: number;
  readonly cuts: Uint32Array<ArrayBuffer>;
}

/** Cuts one segment after the other, and keeps the rest of each for the next. */
class SegmentCutter {
  readonly #chunker: Chunker;
  readonly #carries: CarryPool;
  #carry: CarryBuffer | null = null;
  #carryBytes = 0;

  constructor(chunker: Chunker, carries: CarryPool) {
    this.#chunker = chunker;
    this.#carries = carries;
  }

  /** The chunks that end in this segment; null if none does. Owns: the carry is the caller's. */
  cut({ segment, length }: FilledSegment): CutSegment | null {
    const bytes = segment.bytes.subarray(0, length);
    const cuts: number[] = [];
    let position = 0;
    for (let cut = 0; position < length && (cut = this.#chunker.next(bytes, position)) >= 0;) {
      cuts.push(cut);
      position = cut;
    }
    const done = cuts.length > 0 ? { ...this.#takeCarry(), cuts: Uint32Array.from(cuts) } : null;
    if (position < length) this.#keep(bytes.subarray(position));
    return done;
  }

  /** The rest of the stream as its last chunk; null if nothing is left. Owns: the carry is the caller's. */
  last(): CutSegment | null {
    return this.#carryBytes > 0 ? { ...this.#takeCarry(), cuts: Uint32Array.of(0) } : null;
  }

  /** Gives up what is left. */
  drop(): void {
    const { carry } = this.#takeCarry();
    if (carry !== null) this.#carries.giveBack(carry);
  }

  #takeCarry(): Omit<CutSegment, "cuts"> {
    const [carry, carryBytes] = [this.#carry, this.#carryBytes];
    this.#carry = null;
    this.#carryBytes = 0;
    return { carry, carryBytes };
  }

  #keep(bytes: Uint8Array): void {
    this.#carry ??= this.#carries.take(this.#chunker.mostBytes);
    this.#carry.set(bytes, this.#carryBytes);
    this.#carryBytes += bytes.length;
  }
}

const NO_MEMORY = new SharedArrayBuffer(0);

async function seal(threads: PipelineThreads, { carry, ...cut }: CutSegment, filled: FilledSegment | null) {
  const segment = filled?.segment;
  segment?.retain();
  try {
    const memory = { segment: segment?.bytes.buffer ?? NO_MEMORY, carry: carry?.buffer ?? NO_MEMORY };
    return await threads.seal({ ...cut, ...memory });
  } finally {
    segment?.release();
    if (carry !== null) threads.carries.giveBack(carry);
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
