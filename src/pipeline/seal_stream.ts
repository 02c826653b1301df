/**
 * Turns a stream into sealed blobs, with bounded memory: cuts it here, and digests, names, compresses and seals it in
 * other threads.
 */
import type { Permit } from "../base/limits.ts";
import type { Chunker } from "../chunker/gear.ts";
import { ID_BYTES } from "../base/id.ts";
import type { SealedBatch, SealRequest } from "./calls.ts";
import { zerosIn } from "./cutting/carry.ts";
import type { Feed, FilledSegment } from "./feed.ts";
import type { StreamInspection } from "./inspection.ts";
import { isKnownChunk, type KnownChunks } from "./known/known_chunks.ts";
import { type CutSegment, SegmentCutter } from "./cutting/segment_cutter.ts";
import type { PipelineThreads } from "./threads.ts";

/** What `sealStream` needs. */
interface SealStreamOptions {
  readonly feed: Feed;
  readonly chunker: Chunker;
  readonly threads: PipelineThreads;
  /** Receives every piece; the caller finishes or drops it at the end. */
  readonly inspection: StreamInspection;
  /** The blobs that the repository holds. The consumer of the batches adds the blobs that it stores. */
  readonly known: KnownChunks;
  /**
   * Resolves with what counts in the place of `known`, if that was read before the lock was confirmed. Until then, no
   * batch is yielded. What a batch left out as known, and what has vanished since, is sealed then. If it rejects, so
   * does the stream.
   */
  readonly confirmedKnown?: Promise<KnownChunks> | undefined;
}

/** The known chunks, which may still turn out to be others. */
class KnownSoFar {
  chunks: KnownChunks;
  /** Absent once `chunks` are what counts. */
  confirmed: Promise<unknown> | undefined;

  constructor({ known, confirmedKnown }: Pick<SealStreamOptions, "known" | "confirmedKnown">) {
    this.chunks = known;
    this.confirmed = confirmedKnown && guarded(confirmedKnown.then((chunks) => {
      this.chunks = chunks;
      this.confirmed = undefined;
    }));
  }
}

/**
 * Yields the chunks of the whole stream in order, as soon as they are ready. A batch counts as stored when the next one
 * is requested. Throws what the feed throws. Any number of streams may share the threads: a stream keeps slots for
 * batches only while it can make progress by itself, never while it waits for its feed or for another slot.
 */
export async function* sealStream(options: SealStreamOptions): AsyncGenerator<SealedBatch, void, void> {
  const { feed, threads, inspection } = options;
  const known = new KnownSoFar(options);
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
        const request = filled === null ? cutter.last() : cutter.cut(filled.segment.bytes.subarray(0, filled.length));
        if (filled !== null) inspection.take(filled);
        if (request === null) continue;
        // Its own batches are passed on first, so that no stream keeps a slot while it waits for another one's.
        let slot = slots.tryTake();
        for (; slot === undefined && inFlight.length > 0; slot = slots.tryTake()) yield* oldest();
        slot ??= await slots.take();
        threads.shareKnown(known.chunks);
        inFlight.push({ slot, batch: guarded(seal({ ...options, known }, request, filled)) });
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

const NO_MEMORY = new SharedArrayBuffer(0);

/** What the sealing of a segment takes. */
interface SealTools extends Pick<SealStreamOptions, "threads" | "chunker"> {
  readonly known: KnownSoFar;
}

/** Seals the chunks of a segment. Chunks of zeros that are known need no thread. */
async function seal({ threads, known, chunker }: SealTools, cut: CutSegment, filled: FilledSegment | null) {
  const { carries, zeroIds } = threads;
  const { carryBytes, cuts, isZeros } = cut;
  const knowsZeros = isZeros && known.confirmed === undefined;
  const zeros = knowsZeros ? zeroIds.batchOf(lengthsOf(cut), known.chunks) : undefined;
  if (zeros !== undefined) return zeros;
  const carry = cut.carry ?? (carryBytes > 0 ? zerosIn(carries, chunker.mostBytes, carryBytes) : null);
  const segment = filled?.segment;
  segment?.retain();
  try {
    const memory = { segment: segment?.bytes.buffer ?? NO_MEMORY, carry: carry?.buffer ?? NO_MEMORY };
    const batch = await sealConfirmed(threads, { carryBytes, cuts, ...memory }, known);
    if (isZeros && filled !== null) zeroIds.learn(batch);
    return batch;
  } finally {
    segment?.release();
    if (carry !== null) carries.giveBack(carry);
  }
}

/** Seals the chunks that are not known, and again those of which `known` turned out to be wrong. */
async function sealConfirmed(threads: PipelineThreads, request: SealRequest, known: KnownSoFar): Promise<SealedBatch> {
  if (known.confirmed === undefined) return await threads.seal(request);
  const asked = known.chunks;
  const batch = await threads.seal({ ...request, cuts: request.cuts.slice() });
  await known.confirmed;
  if (known.chunks === asked) return batch;
  if (leavesOutOnlyKnown(batch, known.chunks)) return { ...batch, isNotOnDisk: false };
  threads.shareKnown(known.chunks);
  return await threads.seal(request);
}

function leavesOutOnlyKnown({ ids, sealedLengths }: SealedBatch, known: KnownChunks): boolean {
  return sealedLengths.every((length, i) => length > 0 || isKnownChunk(known, ids, i * ID_BYTES));
}

function lengthsOf({ carryBytes, cuts }: CutSegment): Uint32Array<ArrayBuffer> {
  return cuts.map((cut, i) => i === 0 ? carryBytes + cut : cut - cuts[i - 1]!);
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
