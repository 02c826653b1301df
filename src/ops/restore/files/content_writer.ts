/** Brings the contents of a window's files to the thread that writes: packs are read several batches ahead. */
import { BackgroundWork } from "../../../base/concurrency.ts";
import { IntegrityError } from "../../../base/errors.ts";
import { ID_BYTES } from "../../../base/id.ts";
import { BATCH_BYTES, batchesAhead } from "../../../backup/buffers.ts";
import { readParts } from "../../../backup/content/read_stream.ts";
import type { ContentReading } from "../../../backup/content/read_verified.ts";
import { type Segment, SegmentPool } from "../../../pipeline/segments.ts";
import { GAP_BYTES } from "../../../repository/pack/pack_ranges.ts";
import { readBlob } from "../../../repository/pack/pack_reader.ts";
import { type BatchPlan, COPY_FIELDS, planBatch } from "./batch_plan.ts";
import type { ReadEntry } from "./entry.ts";
import type { FileWrites, Outcome, RestoreThread } from "./target_calls.ts";
import type { Window, WindowChunks } from "./window_source.ts";
import { equalIds, isZeroId } from "./zero_ids.ts";

/** Batches for each opening thread: one is being read, and one is being opened. */
const BATCHES_PER_THREAD = 2;
/** Batches that the writing thread may hold in addition. */
const BATCHES_WRITTEN = 1;

/** What a writer tells. */
interface ContentEvents {
  /** Called with what came of each batch, and how many bytes of content it had. */
  readonly onOutcome: (outcome: Outcome, bytes: number) => void;
  /** Called for a file whose content is damaged. It was dropped. */
  readonly onDamage: (path: string, error: IntegrityError) => void;
}

/** Writes contents. */
export class ContentWriter {
  readonly #reading: ContentReading;
  readonly #thread: RestoreThread;
  readonly #events: ContentEvents;
  readonly #batches: number;
  readonly #pool: SegmentPool;

  constructor(reading: ContentReading, thread: RestoreThread, events: ContentEvents) {
    this.#reading = reading;
    this.#thread = thread;
    this.#events = events;
    const { threads: { blobThreads }, bufferBytes } = reading;
    this.#batches = BATCHES_WRITTEN +
      Math.min(blobThreads * BATCHES_PER_THREAD, batchesAhead({ blobThreads, bufferBytes }));
    this.#pool = new SegmentPool({ count: this.#batches, segmentBytes: BATCH_BYTES });
  }

  /** Writes the chunks of a window that `needed` marks with 1. Damaged files are named; throws all other failures. */
  async write({ chunks }: Window, entries: readonly ReadEntry[], needed: Uint8Array): Promise<void> {
    const { wanted, zeros } = chooseChunks(chunks, entries, needed);
    const damaged = new Set<ReadEntry>();
    if (!zeros.isEmpty) await this.#send(null, zeros.collected);
    const { index, store } = this.#reading.repository;
    if (store.expect !== undefined) {
      const numbers = new Set(Array.from(wanted.chunks, (chunk) => chunks.packs[chunk]!));
      store.expect(Array.from(numbers, (number) => index.packId(number)));
    }
    const work = new BackgroundWork(this.#batches);
    for (let from = 0; from < wanted.chunks.length;) {
      this.#reading.signal.throwIfAborted();
      const limits = { batchBytes: BATCH_BYTES, gapBytes: GAP_BYTES };
      const plan = planBatch(chunks, (pack) => index.packId(pack), { ...limits, wanted: wanted.chunks, from });
      const batch = { plan, chunks, wanted, from, damaged };
      await work.begin(() => this.#writeBatch(batch));
      from += plan.count;
    }
    await work.settle();
  }

  async #writeBatch(batch: ContentBatch): Promise<void> {
    const { plan, from } = batch;
    const segment = await this.#pool.acquire(plan.bytes);
    try {
      await this.#fill(segment, plan);
      await this.#send(segment.bytes.buffer, piecesOf(batch, from, from + plan.count));
    } catch (error) {
      if (!(error instanceof IntegrityError)) throw error;
      await this.#rescue(batch);
    } finally {
      segment.release();
    }
  }

  /** Reads, opens and verifies the chunks of a batch. */
  async #fill({ bytes }: Segment, { ranges, ids, table, copies }: BatchPlan): Promise<void> {
    const parts = await readParts(ranges, this.#reading);
    const packs = ranges.map(({ pack }) => pack);
    await this.#reading.threads.open({ ids, table, parts, packs, segment: bytes.buffer });
    for (let i = 0; i < copies.length; i += COPY_FIELDS) {
      bytes.copyWithin(copies[i + 1]!, copies[i]!, copies[i]! + copies[i + 2]!);
    }
  }

  /** Writes the chunks of a batch one by one, because one of them is damaged. */
  async #rescue(batch: ContentBatch): Promise<void> {
    const { plan, chunks, wanted, from, damaged } = batch;
    for (let position = from; position < from + plan.count; position++) {
      const entry = wanted.entries[position]!;
      if (damaged.has(entry)) continue;
      try {
        const at = wanted.chunks[position]! * ID_BYTES;
        const bytes = await readBlob(this.#reading.repository, "data", chunks.ids, at);
        const segment = new SharedArrayBuffer(bytes.length);
        new Uint8Array(segment).set(bytes);
        await this.#send(segment, piecesOf(batch, position, position + 1));
      } catch (error) {
        if (!(error instanceof IntegrityError)) throw error;
        damaged.add(entry);
        await this.#thread.call("dropFile", { number: entry.number });
        this.#events.onDamage(entry.path, error);
      }
    }
  }

  async #send(segment: SharedArrayBuffer | null, { writes, bytes }: CollectedWrites): Promise<void> {
    this.#reading.signal.throwIfAborted();
    const outcome = await this.#thread.call("writeContent", { segment, writes }, [writes.buffer]);
    this.#events.onOutcome(outcome, bytes);
  }
}

/** The wanted chunks of a window, in the order in which they are read. */
interface WantedChunks {
  /** Their numbers in the tables of the window. */
  readonly chunks: Uint32Array;
  readonly entries: readonly ReadEntry[];
  /** Where each is in its file. */
  readonly offsets: Float64Array;
}

interface ContentBatch {
  readonly plan: BatchPlan;
  readonly chunks: WindowChunks;
  readonly wanted: WantedChunks;
  /** The position of its first chunk. */
  readonly from: number;
  readonly damaged: Set<ReadEntry>;
}

/**
 * Orders files by the places of their first wanted chunks, so that near blobs are read together. Chunks of zeros need
 * not be read at all.
 */
function chooseChunks(table: WindowChunks, entries: readonly ReadEntry[], needed: Uint8Array) {
  const files = entries.map((entry) => ({ entry, first: firstNeeded(entry, needed) })).filter(({ first }) =>
    first >= 0
  );
  const { packs, offsets, lengths } = table;
  files.sort((a, b) => packs[a.first]! - packs[b.first]! || offsets[a.first]! - offsets[b.first]!);
  const chosen = { chunks: [] as number[], entries: [] as ReadEntry[], offsets: [] as number[] };
  const zeros = new WriteCollector();
  for (const { entry } of files) {
    let offset = 0;
    for (let chunk = entry.firstChunk; chunk < entry.firstChunk + entry.chunks; chunk++) {
      const length = lengths[chunk]!;
      if (needed[chunk] === 1) {
        if (isZeros(table, chunk)) zeros.add(entry, offset, -1, length);
        else {
          chosen.chunks.push(chunk);
          chosen.entries.push(entry);
          chosen.offsets.push(offset);
        }
      }
      offset += length;
    }
  }
  const wanted: WantedChunks = {
    chunks: Uint32Array.from(chosen.chunks),
    entries: chosen.entries,
    offsets: Float64Array.from(chosen.offsets),
  };
  return { wanted, zeros };
}

function firstNeeded({ firstChunk, chunks }: ReadEntry, needed: Uint8Array): number {
  for (let chunk = firstChunk; chunk < firstChunk + chunks; chunk++) if (needed[chunk] === 1) return chunk;
  return -1;
}

/** Whether a chunk has only zeros: in a file with long holes, one such chunk follows the other. */
function isZeros({ ids, lengths }: WindowChunks, chunk: number): boolean {
  const length = lengths[chunk]!;
  // Of many small files, hardly any has the length of its neighbour.
  if (lengths[chunk - 1] !== length && lengths[chunk + 1] !== length) return false;
  const id = idAt(ids, chunk);
  const repeats = [chunk - 1, chunk + 1].some((other) => lengths[other] === length && equalIds(idAt(ids, other), id));
  return repeats && isZeroId(id, length);
}

function idAt(ids: Uint8Array, chunk: number): Uint8Array {
  return ids.subarray(chunk * ID_BYTES, (chunk + 1) * ID_BYTES);
}

/** The writes for the chunks at the positions `from` to `to`. */
function piecesOf({ wanted, chunks }: ContentBatch, from: number, to: number): CollectedWrites {
  const writes = new WriteCollector();
  let at = 0;
  for (let position = from; position < to; position++) {
    const length = chunks.lengths[wanted.chunks[position]!]!;
    writes.add(wanted.entries[position]!, wanted.offsets[position]!, at, length);
    at += length;
  }
  return writes.collected;
}

/** Writes, and the bytes of them together. */
interface CollectedWrites {
  readonly writes: FileWrites;
  readonly bytes: number;
}

/** Collects writes. Neighbours in a file become one piece. */
class WriteCollector {
  readonly #numbers: number[] = [];
  #file = -1;
  /** Where the number of pieces of this file is. */
  #countAt = 0;
  #bytes = 0;

  get isEmpty(): boolean {
    return this.#numbers.length === 0;
  }

  get collected(): CollectedWrites {
    return { writes: Float64Array.from(this.#numbers), bytes: this.#bytes };
  }

  /** `from`: the offset in the segment, or -1 for zeros. */
  add({ number }: ReadEntry, offset: number, from: number, length: number): void {
    const numbers = this.#numbers;
    const end = numbers.length;
    this.#bytes += length;
    if (number !== this.#file) {
      this.#file = number;
      this.#countAt = numbers.push(number, 1) - 1;
    } else if (numbers[end - 3]! + numbers[end - 1]! === offset && (from < 0) === (numbers[end - 2]! < 0)) {
      numbers[end - 1]! += length;
      return;
    } else numbers[this.#countAt]!++;
    numbers.push(offset, from, length);
  }
}
