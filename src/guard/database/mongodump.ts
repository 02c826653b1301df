/**
 * Archives of `mongodump --archive`: a prelude that lists all collections, then interleaved blocks, each with documents
 * of one collection. A block that closes a collection has the CRC-64 of all its documents. Layout: MongoDB's Database
 * Tools, `common/archive/spec.md`.
 *
 * mongodump closes a collection on which it failed like any other; only its exit code reports the failure.
 */
import { SourceError } from "../../base/errors.ts";
import { beginsWith, type Format } from "../judge.ts";
import { type Cursor, littleEndian, type Reading, type Walk, WalkJudge } from "../walk.ts";
import { FlatDocument } from "./bson.ts";
import { Crc64, CRC64_ECMA } from "./crc64.ts";

const MAGIC = "\x6d\xe2\x99\x81";
const TERMINATOR = 0xffffffff;
const LENGTH_BYTES = 4;
/** An empty document: its length and a zero. */
const MIN_DOCUMENT_BYTES = LENGTH_BYTES + 1;
/** The servers' limit of 16 MiB, and some room for what they add to a document. */
const MAX_DOCUMENT_BYTES = 2 ** 24 + 2 ** 14;
/** A block's header holds two names of at most 255 bytes. */
const MAX_HEADER_BYTES = 4096;
/** Most collections in an archive. All are remembered from the prelude to the end, so a larger number is refused. */
const MAX_COLLECTIONS = 2 ** 18;
/** Prefix of the collections in which servers before 8.3 keep the data of a time series. */
const BUCKETS = "system.buckets.";

export const mongodumpFormat: Format = {
  name: "mongodump",
  recognises: (head) => beginsWith(head, MAGIC),
  judge: () => new WalkJudge("mongodump", (cursor) => new Archive(cursor).walk()),
};

/** The state of one collection. */
interface Collection {
  readonly isTimeSeries: boolean;
  /** The CRC-64 over its documents so far; `null` if no block has opened it. */
  crc: Crc64 | null;
  closed: boolean;
}

/** One archive being read. */
class Archive {
  readonly #cursor: Cursor;
  /** Collections by database and name, from the prelude and from blocks. */
  readonly #collections = new Map<string, Collection>();

  constructor(cursor: Cursor) {
    this.#cursor = cursor;
  }

  *walk(): Walk {
    const magic = yield { take: MAGIC.length, what: "the magic number" };
    if (!beginsWith(magic, MAGIC)) throw new SourceError("does not begin like a mongodump archive");
    yield* this.#walkPrelude();
    while (yield* this.#walkBlock());
    return this.#judgeEnd();
  }

  *#walkPrelude(): Reading<void> {
    const what = "the list of collections";
    const versions = yield* this.#takeDocument(what, MAX_DOCUMENT_BYTES);
    if (versions === null) throw new SourceError("its prelude is empty");
    for (;;) {
      const listed = yield* this.#takeDocument(what, MAX_DOCUMENT_BYTES);
      if (listed === null) return;
      const isTimeSeries = listed.string("type") === "timeseries";
      this.#add(nameOf(listed.string("db"), listed.string("collection")), isTimeSeries);
    }
  }

  /** Passes one block. Returns `false` if the stream ends instead. */
  *#walkBlock(): Reading<boolean> {
    const offset = this.#cursor.position;
    const length = yield { take: LENGTH_BYTES, what: "a block or the end", orEnd: true };
    if (length.length === 0) return false;
    const header = yield* this.#takeRest(littleEndian(length, 0, LENGTH_BYTES), "a block's header", MAX_HEADER_BYTES);
    const name = header?.string("collection");
    if (!header || !name) throw new SourceError(`no block begins at byte ${offset}`);
    const collection = this.#find(header.string("db"), name);
    if (collection.closed) throw new SourceError(`the block at byte ${offset} belongs to a collection that was closed`);
    collection.crc ??= new Crc64(CRC64_ECMA);
    if (header.isTrue("EOF")) {
      closeCollection(collection, header.int64("CRC"), offset);
      yield* this.#expectTerminator();
    } else {
      yield* this.#passDocuments(collection.crc);
    }
    return true;
  }

  *#passDocuments(crc: Crc64): Reading<void> {
    const documents = new Documents(this.#cursor, crc);
    const sink = (piece: Uint8Array) => documents.take(piece);
    yield { pass: Infinity, what: "a collection's documents", sink, isDone: () => documents.ended };
  }

  *#expectTerminator(): Reading<void> {
    const field = yield { take: LENGTH_BYTES, what: "a block's end" };
    if (littleEndian(field, 0, LENGTH_BYTES) === TERMINATOR) return;
    throw new SourceError(
      `the block that ends at byte ${this.#cursor.position - LENGTH_BYTES} closes a collection and goes on`,
    );
  }

  /** Takes a document. Returns `null` if there is a terminator in its place. */
  *#takeDocument(what: string, maxBytes: number): Reading<FlatDocument | null> {
    const length = littleEndian(yield { take: LENGTH_BYTES, what }, 0, LENGTH_BYTES);
    return yield* this.#takeRest(length, what, maxBytes);
  }

  /** Takes the rest of a document whose length was read already. */
  *#takeRest(length: number, what: string, maxBytes: number): Reading<FlatDocument | null> {
    if (length === TERMINATOR) return null;
    checkLength(length, maxBytes, this.#cursor.position - LENGTH_BYTES);
    const rest = yield { take: length - LENGTH_BYTES, what };
    const document = new Uint8Array(length);
    document.set(rest, LENGTH_BYTES);
    return new FlatDocument(document);
  }

  #add(name: string, isTimeSeries: boolean): Collection {
    const collection = { isTimeSeries, crc: null, closed: false };
    this.#collections.set(name, collection);
    if (this.#collections.size > MAX_COLLECTIONS) throw new SourceError(`has more than ${MAX_COLLECTIONS} collections`);
    return collection;
  }

  #find(db: string, name: string): Collection {
    const known = this.#collections.get(nameOf(db, name));
    if (known !== undefined) return known;
    const series = name.startsWith(BUCKETS) ? this.#collections.get(nameOf(db, name.slice(BUCKETS.length))) : undefined;
    return series?.isTimeSeries ? series : this.#add(nameOf(db, name), false);
  }

  #judgeEnd(): string {
    const all = this.#collections.size;
    if (all === 0) throw new SourceError("holds no collection");
    const missing = [...this.#collections].filter(([, { closed }]) => !closed);
    if (missing.length > 0) {
      const name = missing[0]![0].replace(/[^ -~]/g, "?").slice(-60);
      throw new SourceError(`${missing.length} of its ${all} collections are not closed, among them "${name}"`);
    }
    return all === 1
      ? "holds its one collection, with the right checksum"
      : `holds its ${all} collections, each with the right checksum`;
  }
}

/** Passes documents up to the terminator after them. One loop handles all of them, since documents are short. */
class Documents {
  readonly #cursor: Cursor;
  readonly #crc: Crc64;
  /** Bytes of the current document still to come. */
  #left = 0;
  /** A length that is split between two pieces, and how many of its bytes are there. */
  readonly #part = new Uint8Array(LENGTH_BYTES);
  #partBytes = 0;
  ended = false;

  constructor(cursor: Cursor, crc: Crc64) {
    this.#cursor = cursor;
    this.#crc = crc;
  }

  /** Takes `bytes` up to the end of the terminator. Returns the number of bytes taken. */
  take(bytes: Uint8Array): number {
    let offset = 0;
    // The bytes of documents from here to `offset` are not yet in the checksum.
    let unsummed = 0;
    while (offset < bytes.length && !this.ended) {
      if (this.#left > 0) {
        offset = this.#passDocument(bytes, offset);
      } else if (this.#partBytes === 0 && offset + LENGTH_BYTES <= bytes.length) {
        this.#takeLength(uint32(bytes, offset), offset);
        if (this.ended) this.#crc.push(bytes.subarray(unsummed, offset));
        offset += LENGTH_BYTES;
      } else {
        this.#crc.push(bytes.subarray(unsummed, offset));
        this.#part[this.#partBytes++] = bytes[offset++]!;
        unsummed = offset;
        if (this.#partBytes === LENGTH_BYTES) this.#takePart(offset - LENGTH_BYTES);
      }
    }
    if (!this.ended) this.#crc.push(bytes.subarray(unsummed, offset));
    return offset;
  }

  #passDocument(bytes: Uint8Array, offset: number): number {
    const end = Math.min(bytes.length, offset + this.#left);
    this.#left -= end - offset;
    if (this.#left === 0 && bytes[end - 1] !== 0) {
      throw new SourceError(`the document that ends at byte ${this.#cursor.position + end} is malformed`);
    }
    return end;
  }

  #takePart(offset: number): void {
    this.#partBytes = 0;
    this.#takeLength(uint32(this.#part, 0), offset);
    if (!this.ended) this.#crc.push(this.#part);
  }

  /** `offset`: the position of the length, from the beginning of the piece. */
  #takeLength(length: number, offset: number): void {
    this.ended = length === TERMINATOR;
    if (this.ended) return;
    checkLength(length, MAX_DOCUMENT_BYTES, this.#cursor.position + offset);
    this.#left = length - LENGTH_BYTES;
  }
}

function uint32(bytes: Uint8Array, offset: number): number {
  const signed = bytes[offset]! | (bytes[offset + 1]! << 8) | (bytes[offset + 2]! << 16) | (bytes[offset + 3]! << 24);
  return signed >>> 0;
}

function closeCollection(collection: Collection, expected: Uint8Array | undefined, offset: number): void {
  const crc = collection.crc!.digest();
  if (expected?.every((byte, i) => byte === crc[i]) !== true) {
    throw new SourceError(`the collection that the block at byte ${offset} closes has a wrong checksum`);
  }
  collection.closed = true;
}

function checkLength(length: number, maxBytes: number, offset: number): void {
  if (length >= MIN_DOCUMENT_BYTES && length <= maxBytes) return;
  throw new SourceError(`what lies at byte ${offset} is neither a document nor the end of a block`);
}

function nameOf(db: string, collection: string): string {
  return `${db}.${collection}`;
}
