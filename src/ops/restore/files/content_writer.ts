/** Brings the contents of a window's files to the thread that writes: packs are read several batches ahead. */
import { BackgroundWork } from "../../../base/concurrency.ts";
import { IntegrityError } from "../../../base/errors.ts";
import { ID_BYTES } from "../../../base/id.ts";
import { BATCH_BYTES, batchesAhead } from "../../../backup/buffers.ts";
import { readBatch } from "../../../backup/content/read_stream.ts";
import type { ContentReading } from "../../../backup/content/read_verified.ts";
import { SegmentPool } from "../../../pipeline/segments.ts";
import { GAP_BYTES } from "../../../repository/pack/pack_ranges.ts";
import { readBlob } from "../../../repository/pack/pack_reader.ts";
import { planRead, type ReadPlan } from "../../../repository/pack/read_plan.ts";
import type { RestoreEntry } from "./entry.ts";
import type { FileWrite, Outcome, RestoreThread } from "./target_calls.ts";
import type { Window } from "./window_source.ts";
import { equalIds, isZeroId } from "./zero_ids.ts";

/** Batches that the writing thread may hold in addition to those that are read. */
const BATCHES_WRITTEN = 2;

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
    this.#batches = BATCHES_WRITTEN +
      batchesAhead({ blobThreads: reading.threads.blobThreads, bufferBytes: reading.bufferBytes });
    this.#pool = new SegmentPool({ count: this.#batches, segmentBytes: BATCH_BYTES });
  }

  /** Writes the chunks of a window that `needed` marks with 1. Damaged files are named; throws all other failures. */
  async write(window: Window, entries: readonly RestoreEntry[], needed: Uint8Array): Promise<void> {
    const { wanted, zeros } = chooseChunks(window, entries, needed);
    const damaged = new Set<RestoreEntry>();
    if (zeros.length > 0) await this.#send(null, zeros);
    const { index } = this.#reading.repository;
    const work = new BackgroundWork(this.#batches);
    for (let from = 0; from < wanted.count;) {
      this.#reading.signal.throwIfAborted();
      const plan = planRead(index, wanted.ids, from, { batchBytes: BATCH_BYTES, gapBytes: GAP_BYTES });
      const batch = { plan, wanted, from, damaged };
      await work.begin(() => this.#writeBatch(batch));
      from += plan.count;
    }
    await work.settle();
  }

  async #writeBatch(batch: ContentBatch): Promise<void> {
    const { plan, wanted, from } = batch;
    try {
      const ids = wanted.ids.subarray(from * ID_BYTES);
      const { segment } = await readBatch({ plan, ids }, this.#pool, this.#reading);
      try {
        await this.#send(segment.bytes.buffer, piecesOf(batch, from, from + plan.count));
      } finally {
        segment.release();
      }
    } catch (error) {
      if (!(error instanceof IntegrityError)) throw error;
      await this.#rescue(batch);
    }
  }

  /** Writes the chunks of a batch one by one, because one of them is damaged. */
  async #rescue(batch: ContentBatch): Promise<void> {
    const { plan, wanted, from, damaged } = batch;
    for (let chunk = from; chunk < from + plan.count; chunk++) {
      const entry = wanted.entries[chunk]!;
      if (damaged.has(entry)) continue;
      try {
        const bytes = await readBlob(this.#reading.repository, "data", wanted.ids, chunk * ID_BYTES);
        const segment = new SharedArrayBuffer(bytes.length);
        new Uint8Array(segment).set(bytes);
        await this.#send(segment, piecesOf(batch, chunk, chunk + 1));
      } catch (error) {
        if (!(error instanceof IntegrityError)) throw error;
        damaged.add(entry);
        await this.#thread.call("dropFile", { number: entry.number });
        this.#events.onDamage(entry.path, error);
      }
    }
  }

  async #send(segment: SharedArrayBuffer | null, writes: readonly FileWrite[]): Promise<void> {
    this.#reading.signal.throwIfAborted();
    const outcome = await this.#thread.call("writeContent", { segment, writes });
    this.#events.onOutcome(outcome, bytesOf(writes));
  }
}

/** The wanted chunks of a window, in the order in which they are read. */
interface WantedChunks {
  readonly count: number;
  readonly ids: Uint8Array;
  readonly entries: readonly RestoreEntry[];
  /** Where each is in its file. */
  readonly offsets: readonly number[];
  readonly lengths: readonly number[];
}

interface ContentBatch {
  readonly plan: ReadPlan;
  readonly wanted: WantedChunks;
  /** The number of its first chunk. */
  readonly from: number;
  readonly damaged: Set<RestoreEntry>;
}

/**
 * Orders files by the places of their first wanted chunks, so that near blobs are read together. Chunks of zeros need
 * not be read at all.
 */
function chooseChunks(window: Window, entries: readonly RestoreEntry[], needed: Uint8Array) {
  const files = entries.map((entry) => ({ entry, first: firstNeeded(entry, needed) })).filter(({ first }) =>
    first >= 0
  );
  const { packs, offsets } = window;
  files.sort((a, b) => packs[a.first]! - packs[b.first]! || offsets[a.first]! - offsets[b.first]!);
  const chosen = { entries: [] as RestoreEntry[], offsets: [] as number[], lengths: [] as number[] };
  const chunks: number[] = [];
  const zeros: FileWrite[] = [];
  for (const { entry } of files) {
    const holes: number[] = [];
    let offset = 0;
    for (let chunk = entry.firstChunk; chunk < entry.firstChunk + entry.chunks; chunk++) {
      const length = window.lengths[chunk]!;
      if (needed[chunk] === 1) {
        if (isZeros(window, chunk)) holes.push(offset, -1, length);
        else {
          chunks.push(chunk);
          chosen.entries.push(entry);
          chosen.offsets.push(offset);
          chosen.lengths.push(length);
        }
      }
      offset += length;
    }
    if (holes.length > 0) zeros.push({ number: entry.number, pieces: holes });
  }
  const ids = new Uint8Array(chunks.length * ID_BYTES);
  chunks.forEach((chunk, i) => ids.set(window.ids.subarray(chunk * ID_BYTES, (chunk + 1) * ID_BYTES), i * ID_BYTES));
  const wanted: WantedChunks = { ...chosen, count: chunks.length, ids };
  return { wanted, zeros };
}

function firstNeeded({ firstChunk, chunks }: RestoreEntry, needed: Uint8Array): number {
  const at = needed.subarray(firstChunk, firstChunk + chunks).indexOf(1);
  return at < 0 ? -1 : firstChunk + at;
}

/** Whether a chunk has only zeros: in a file with long holes, one such chunk follows the other. */
function isZeros({ ids, lengths }: Window, chunk: number): boolean {
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

/** The writes for the chunks `from` to `to` of a batch. Neighbours in a file become one piece. */
function piecesOf({ wanted }: ContentBatch, from: number, to: number): FileWrite[] {
  const writes: { readonly number: number; readonly pieces: number[] }[] = [];
  let at = 0;
  for (let chunk = from; chunk < to; chunk++) {
    const [entry, offset, length] = [wanted.entries[chunk]!, wanted.offsets[chunk]!, wanted.lengths[chunk]!];
    const last = writes.at(-1);
    if (last?.number !== entry.number) writes.push({ number: entry.number, pieces: [offset, at, length] });
    else {
      const { pieces } = last;
      const end = pieces.length;
      if (pieces[end - 3]! + pieces[end - 1]! === offset) pieces[end - 1]! += length;
      else pieces.push(offset, at, length);
    }
    at += length;
  }
  return writes;
}

function bytesOf(writes: readonly FileWrite[]): number {
  let bytes = 0;
  for (const { pieces } of writes) for (let i = 2; i < pieces.length; i += 3) bytes += pieces[i]!;
  return bytes;
}
