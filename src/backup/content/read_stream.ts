/**
 * Turns a content list back into the stream: reads ahead across packs, opens and verifies in other threads, and yields
 * the plaintext in order.
 */
import { mapConcurrently } from "../../base/concurrency.ts";
import { IntegrityError } from "../../base/errors.ts";
import { ID_BYTES } from "../../base/id.ts";
import type { Permit, Semaphore } from "../../base/limits.ts";
import { openTable } from "../../pipeline/calls.ts";
import type { FilledSegment } from "../../pipeline/feed.ts";
import { SegmentPool } from "../../pipeline/segments.ts";
import type { PipelineThreads } from "../../pipeline/threads.ts";
import { GAP_BYTES, type PackRange } from "../../repository/pack/pack_ranges.ts";
import { readRange } from "../../repository/pack/pack_reader.ts";
import { planRead, type ReadPlan } from "../../repository/pack/read_plan.ts";
import type { IndexedRepository } from "../../repository/repository.ts";
import { BATCH_BYTES, batchesAhead } from "../buffers.ts";

/** What `readStream` needs. The threads must be configured. */
export interface ReadStreamOptions {
  readonly repository: IndexedRepository;
  readonly threads: PipelineThreads;
  readonly signal?: AbortSignal | undefined;
  /** See `World`. */
  readonly bufferBytes?: number | undefined;
  /** How much may be read besides the wanted blobs, as a share of them; any amount by default. */
  readonly mostWaste?: number;
  /** What bounds the memory of this reading and others together; by default it has the buffers for itself. */
  readonly shared?: SharedReadAhead | undefined;
}

/** Memory for any number of readings at a time: each has one batch, and further ones as long as there are some. */
export interface SharedReadAhead {
  /** The most plaintext in a batch, in bytes, except for a single larger blob. */
  readonly batchBytes: number;
  /** Batches that may be read ahead in all. */
  readonly spare: Semaphore;
}

/** Gaps between wanted blobs that are read, too, in bytes: the widest that does not waste too much is taken. */
const GAPS = [GAP_BYTES, GAP_BYTES / 4, GAP_BYTES / 16, 0];

/** Batches that the consumer may hold in addition. */
const BATCHES_TAKEN = 2;

/**
 * Yields the verified plaintext of one or several content lists (32 bytes for each chunk), in order; an empty list is one
 * empty piece. Owns: the consumer releases each segment. Throws `IntegrityError` that names the blob and its pack.
 */
export async function* readStream(
  contents: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  options: ReadStreamOptions,
): AsyncGenerator<FilledSegment, void, void> {
  const { threads: { blobThreads }, bufferBytes, shared } = options;
  const most = batchesAhead({ blobThreads, bufferBytes });
  const pool = new SegmentPool({ count: most + BATCHES_TAKEN, segmentBytes: batchBytes(options) });
  const inFlight: Promise<FilledSegment>[] = [];
  const spare: Permit[] = [];
  /** Whether another batch may be read before the first one is taken. */
  const mayReadAhead = () => {
    if (inFlight.length >= most) return false;
    if (shared === undefined || inFlight.length <= spare.length) return true;
    const permit = shared.spare.tryTake();
    if (permit !== undefined) spare.push(permit);
    return permit !== undefined;
  };
  try {
    for await (const { plan, content, from } of plans(contents, options)) {
      options.signal?.throwIfAborted();
      const batch = readBatch({ plan, ids: content.subarray(from * ID_BYTES) }, pool, options);
      batch.catch(() => {});
      inFlight.push(batch);
      if (!mayReadAhead()) yield await inFlight.shift()!;
    }
    while (inFlight.length > 0) yield await inFlight.shift()!;
  } finally {
    for (const batch of await Promise.allSettled(inFlight)) {
      if (batch.status === "fulfilled") batch.value.segment.release();
    }
    for (const permit of spare) permit.release();
  }
}

function batchBytes({ shared }: ReadStreamOptions): number {
  return shared?.batchBytes ?? BATCH_BYTES;
}

async function* plans(
  contents: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  options: ReadStreamOptions,
) {
  const { repository: { index } } = options;
  for await (const content of contents) {
    await index.lookUp?.(content);
    let from = 0;
    do {
      const plan = planFrom(content, from, options);
      yield { plan, content, from };
      from += plan.count;
    } while (from * ID_BYTES < content.length);
  }
}

/** Plans the batch that begins with id number `from` of a content list. */
function planFrom(content: Uint8Array, from: number, options: ReadStreamOptions): ReadPlan {
  const { repository: { index }, mostWaste = Infinity } = options;
  const planWith = (gapBytes: number) => planRead(index, content, from, { batchBytes: batchBytes(options), gapBytes });
  let plan = planWith(GAPS[0]!);
  for (let i = 1; i < GAPS.length && wasteOf(plan) > mostWaste; i++) plan = planWith(GAPS[i]!);
  return plan;
}

/** What a plan reads besides the wanted blobs, as a share of them. */
function wasteOf({ ranges, blobs }: ReadPlan): number {
  const wanted = blobs.reduce((sum, { length }) => sum + length, 0);
  return ranges.reduce((sum, { length }) => sum + length, 0) / Math.max(1, wanted) - 1;
}

/** Chunks that are read together. */
interface Batch {
  readonly plan: ReadPlan;
  /** The content list from the plan's first chunk on. */
  readonly ids: Uint8Array;
}

/**
 * Reads, opens and verifies a batch; if that fails with an index on disk, once more with the index of the store. Owns: the
 * caller releases the segment. Throws as `readStream` does.
 */
async function readBatch(batch: Batch, pool: SegmentPool, options: ReadStreamOptions): Promise<FilledSegment> {
  const { repository: { index: { renew } } } = options;
  try {
    return await readPlanned(batch, pool, options);
  } catch (error) {
    if (renew === undefined || !(error instanceof IntegrityError)) throw error;
    await renew();
    const ids = batch.ids.subarray(0, batch.plan.count * ID_BYTES);
    const plan = planFrom(ids, 0, options);
    if (plan.bytes !== batch.plan.bytes) throw error;
    return await readPlanned({ plan, ids }, pool, options);
  }
}

async function readPlanned(batch: Batch, pool: SegmentPool, options: ReadStreamOptions): Promise<FilledSegment> {
  const { plan } = batch;
  const segment = await pool.acquire(plan.bytes);
  try {
    const parts = await readParts(plan.ranges, options);
    const packs = plan.ranges.map(({ pack }) => pack);
    await options.threads.open({ ...blobsOf(batch), parts, packs, segment: segment.bytes.buffer });
    for (const { from, to, length } of plan.copies) segment.bytes.copyWithin(to, from, from + length);
    return { segment, length: plan.bytes };
  } catch (error) {
    segment.release();
    throw error;
  }
}

/** Reads ranges of packs, in order. Throws `IntegrityError` if one of them is not there. */
export async function readParts(
  ranges: readonly PackRange[],
  { repository, signal }: Pick<ReadStreamOptions, "repository" | "signal">,
): Promise<Uint8Array<ArrayBuffer>[]> {
  const { store } = repository;
  return await mapConcurrently(
    ranges,
    store.connections,
    (range) => readRange(store, range, `data blobs in pack ${range.pack}`, { signal }),
  );
}

function blobsOf({ plan, ids }: Batch) {
  return openTable(plan.blobs.map(({ range, offset, length, uncompressedLength, target, position }) => {
    const id = ids.subarray(position * ID_BYTES, (position + 1) * ID_BYTES);
    return { id, part: range, offset, length, uncompressedLength, target };
  }));
}
