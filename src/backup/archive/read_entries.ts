/**
 * Reads the contents of many files as one stream, so that small files are read together and large ones ahead, and hands
 * out each entry with its own bytes.
 */
import { concatBytes } from "../../base/bytes.ts";
import { IntegrityError, invariant } from "../../base/errors.ts";
import { ID_BYTES } from "../../base/id.ts";
import { quoteByteString } from "../../format/byte_string.ts";
import { MOST_CHUNK_BYTES } from "../../format/bounds.ts";
import { plaintextLength } from "../../format/pack_header.ts";
import type { FilledSegment } from "../../pipeline/feed.ts";
import type { Segment } from "../../pipeline/segments.ts";
import { placeOf } from "../../repository/pack/pack_reader.ts";
import { BATCH_BYTES } from "../buffers.ts";
import { readStream, type ReadStreamOptions } from "../content/read_stream.ts";
import type { ArchiveEntry } from "./archive_entries.ts";

/** A piece of a file: the bytes of a segment from `from` up to `to`. */
interface ContentPiece {
  readonly segment: Segment;
  readonly from: number;
  readonly to: number;
}

/** What is read of an entry. */
type ReadableEntry = Pick<ArchiveEntry, "member" | "contents">;

/** Receives entries in order. Each call is awaited before the next. */
export interface EntryVisitor<Entry extends ReadableEntry = ArchiveEntry> {
  /** An entry begins. */
  begin(entry: Entry): void | Promise<void>;
  /** The next bytes of its content, which were compared with their ids. Who keeps the segment retains it. */
  content(piece: ContentPiece): void | Promise<void>;
  /** The entry is complete: as many bytes came as its size says. */
  end(entry: Entry): void | Promise<void>;
}

/** Contents are joined up to this many bytes, chunks or entries; then they are read. */
const JOINED_BYTES = 8 * BATCH_BYTES;
const JOINED_CHUNKS = 1 << 16;
const JOINED_ENTRIES = 4096;

/**
 * Reads all entries. Throws `IntegrityError` for blobs that are missing or damaged, and for a file whose content is
 * longer or shorter than its size; and what the visitor and the entries throw.
 */
export async function readEntries<Entry extends ReadableEntry>(
  entries: AsyncIterable<Entry>,
  visitor: EntryVisitor<Entry>,
  options: ReadStreamOptions,
): Promise<void> {
  const queue = new EntryQueue(entries, options);
  for await (const filled of readStream(queue.contents(), options)) {
    try {
      await queue.handOut(filled, visitor);
    } finally {
      filled.segment.release();
    }
  }
}

/** Entries whose contents are being read. */
class EntryQueue<Entry extends ReadableEntry> {
  readonly #entries: AsyncIterable<Entry>;
  readonly #options: ReadStreamOptions;
  readonly #waiting: Entry[] = [];
  /** Bytes that the first waiting entry has still to get; undefined if it has not begun. */
  #left: number | undefined;
  #joined: Uint8Array[] = [];
  #joinedBytes = 0;
  #joinedChunks = 0;
  #joinedEntries = 0;

  constructor(entries: AsyncIterable<Entry>, options: ReadStreamOptions) {
    this.#entries = entries;
    this.#options = options;
  }

  /**
   * Yields content lists for `readStream`, and puts each entry in the queue before its content. The last list may be
   * empty: the piece that it becomes brings the last entries.
   */
  async *contents(): AsyncGenerator<Uint8Array> {
    for await (const entry of this.#entries) {
      this.#options.signal?.throwIfAborted();
      this.#waiting.push(entry);
      this.#joinedEntries++;
      let left = sizeOf(entry);
      for await (const content of entry.contents?.() ?? []) {
        await this.#options.repository.index.lookUp?.(content);
        left -= this.#measure(content, entry);
        if (left < 0) throw wrongSize(entry, "longer");
        this.#join(content);
        if (this.#isFull()) yield this.#takeJoined();
      }
      if (left > 0) throw wrongSize(entry, "shorter");
      if (this.#isFull()) yield this.#takeJoined();
    }
    yield this.#takeJoined();
  }

  /** Hands out a piece of the stream, and all entries that begin or end with it. */
  async handOut({ segment, length }: FilledSegment, visitor: EntryVisitor<Entry>): Promise<void> {
    let from = 0;
    for (let entry = this.#waiting[0]; entry !== undefined; entry = this.#waiting[0]) {
      if (this.#left === undefined) await visitor.begin(entry);
      const left = this.#left ?? sizeOf(entry);
      const to = Math.min(length, from + left);
      if (to > from) await visitor.content({ segment, from, to });
      this.#left = left - (to - from);
      from = to;
      if (this.#left > 0) return;
      await visitor.end(entry);
      this.#left = undefined;
      this.#waiting.shift();
    }
    invariant(from === length, "More was read than the entries hold");
  }

  /** The length of the content according to the index; what is read is compared with that. */
  #measure(content: Uint8Array, entry: Entry): number {
    const { index } = this.#options.repository;
    let bytes = 0;
    try {
      for (let at = 0; at < content.length; at += ID_BYTES) {
        bytes += plaintextLength(placeOf(index, "data", content, at, MOST_CHUNK_BYTES));
      }
    } catch (error) {
      if (!(error instanceof IntegrityError)) throw error;
      throw new IntegrityError(`Damaged ${quoteByteString(entry.member.path)}: ${error.message}`, { cause: error });
    }
    this.#joinedBytes += bytes;
    return bytes;
  }

  #join(content: Uint8Array): void {
    this.#joined.push(content);
    this.#joinedChunks += content.length / ID_BYTES;
  }

  #isFull(): boolean {
    return this.#joinedBytes >= JOINED_BYTES || this.#joinedChunks >= JOINED_CHUNKS ||
      this.#joinedEntries >= JOINED_ENTRIES;
  }

  #takeJoined(): Uint8Array {
    const content = concatBytes(this.#joined);
    this.#joined = [];
    this.#joinedBytes = this.#joinedChunks = this.#joinedEntries = 0;
    return content;
  }
}

/** Bytes of the content that belongs to the entry itself. */
function sizeOf({ contents, member }: ReadableEntry): number {
  return contents === null ? 0 : member.node.size;
}

function wrongSize({ member: { path, node } }: ReadableEntry, how: "longer" | "shorter"): IntegrityError {
  return new IntegrityError(`Damaged ${quoteByteString(path)}: it is ${how} than the ${node.size} bytes it must have`);
}
