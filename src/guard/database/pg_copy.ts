/**
 * PostgreSQL's binary COPY (`COPY t TO STDOUT WITH BINARY`): a signature, flags and an extension, then tuples of fields
 * with their lengths, closed by a count of -1. Layout: PostgreSQL's manual, "COPY", section "Binary Format".
 */
import { SourceError } from "../../base/errors.ts";
import { beginsWith, type Format } from "../judge.ts";
import { type Cursor, type Walk, WalkJudge } from "../walk.ts";

const SIGNATURE = "PGCOPY\n\xff\r\n\0";
/** Signature, flags, length of the extension. */
const HEADER_BYTES = SIGNATURE.length + 4 + 4;
/** Set for tables with OIDs, up to PostgreSQL 11: each tuple has one field more than its count says. */
const FLAG_OIDS = 1 << 16;
/** The flags that a reader must know, or refuse the stream. */
const CRITICAL_FLAGS = 0xffff0000;
/** No tuple has more fields (`MaxTupleAttributeNumber`), and no field is longer (`MaxAllocSize`). */
const MAX_FIELDS = 1664;
const MAX_FIELD_BYTES = 2 ** 30;
const COUNT_BYTES = 2;
const LENGTH_BYTES = 4;
const END = -1;
const NULL = -1;

export const pgCopyFormat: Format = {
  name: "pg_copy",
  recognises: (head) => beginsWith(head, SIGNATURE),
  judge: () => new WalkJudge("pg_copy", walkCopy),
};

function* walkCopy(cursor: Cursor): Walk {
  const header = yield { take: HEADER_BYTES, what: "the header" };
  if (!beginsWith(header, SIGNATURE)) throw new SourceError("does not begin like a binary COPY");
  const flags = int32(header, SIGNATURE.length);
  const extensionBytes = int32(header, SIGNATURE.length + 4);
  if (flags & CRITICAL_FLAGS & ~FLAG_OIDS) {
    throw new SourceError(`has flags that no guard knows (0x${(flags >>> 0).toString(16)}); use --guard none`);
  }
  if (extensionBytes < 0) throw new SourceError("its header claims an extension of negative length");
  yield { pass: extensionBytes, what: "the header's extension" };
  const tuples = new Tuples(cursor.position, (flags & FLAG_OIDS) !== 0);
  const sink = (piece: Uint8Array) => tuples.take(piece);
  yield { pass: Infinity, what: "a row or the count of -1 that ends a copy", sink, isDone: () => tuples.ended };
  const more = yield { take: 1, what: "the end", orEnd: true };
  if (more.length > 0) {
    throw new SourceError(`goes on at byte ${cursor.position - 1} after the count of -1 that ends it`);
  }
  return `ends after ${tuples.rows} ${tuples.rows === 1 ? "row" : "rows"}`;
}

/** Passes tuples up to the count that ends them. One loop handles all fields, since a row has many short ones. */
class Tuples {
  /** Number of fields in each tuple that its count leaves out. */
  readonly #uncounted: number;
  /** Offset of the next byte in the stream. */
  #position: number;
  /** The field count of the first tuple. All others must have the same. */
  #count: number | null = null;
  /** Fields of the current tuple still to come; at 0, a count is next. */
  #fields = 0;
  /** Bytes of the current field still to come. */
  #left = 0;
  /** A number that is split between two pieces, and how many of its bytes are there. */
  #part = 0;
  #partBytes = 0;
  rows = 0;
  ended = false;

  constructor(position: number, withOids: boolean) {
    this.#position = position;
    this.#uncounted = withOids ? 1 : 0;
  }

  /** Takes `bytes` up to the end of the last tuple. Returns the number of bytes taken. */
  take(bytes: Uint8Array): number {
    const start = this.#position;
    let offset = 0;
    while (offset < bytes.length && !this.ended) {
      if (this.#left > 0) {
        const skipped = Math.min(this.#left, bytes.length - offset);
        this.#left -= skipped;
        offset += skipped;
        continue;
      }
      const width = this.#fields > 0 ? LENGTH_BYTES : COUNT_BYTES;
      if (this.#partBytes === 0 && offset + width <= bytes.length) {
        this.#takeNumber(width === LENGTH_BYTES ? int32(bytes, offset) : int16(bytes, offset), start + offset);
        offset += width;
      } else {
        this.#takeByte(bytes[offset]!, width, start + offset);
        offset++;
      }
    }
    this.#position = start + offset;
    return offset;
  }

  #takeByte(byte: number, width: number, position: number): void {
    this.#part = (this.#part << 8) | byte;
    this.#partBytes++;
    if (this.#partBytes < width) return;
    const number = width === LENGTH_BYTES ? this.#part : (this.#part << 16) >> 16;
    this.#part = 0;
    this.#partBytes = 0;
    this.#takeNumber(number, position - width + 1);
  }

  #takeNumber(number: number, position: number): void {
    if (this.#fields > 0) this.#takeLength(number, position);
    else if (number === END) this.ended = true;
    else this.#takeCount(number, position);
  }

  #takeLength(length: number, position: number): void {
    if (length < NULL || length > MAX_FIELD_BYTES) {
      throw new SourceError(`the field at byte ${position} claims a length of ${length}`);
    }
    this.#fields--;
    this.#left = length === NULL ? 0 : length;
  }

  #takeCount(count: number, position: number): void {
    if (count < 0 || count > MAX_FIELDS) throw new SourceError(`the row at byte ${position} claims ${count} fields`);
    this.#count ??= count;
    if (count !== this.#count) {
      throw new SourceError(
        `the row at byte ${position} has another number of fields (${count}) than those before it (${this.#count})`,
      );
    }
    this.#fields = count + this.#uncounted;
    this.rows++;
  }
}

function int32(bytes: Uint8Array, offset: number): number {
  return (bytes[offset]! << 24) | (bytes[offset + 1]! << 16) | (bytes[offset + 2]! << 8) | bytes[offset + 3]!;
}

function int16(bytes: Uint8Array, offset: number): number {
  return ((bytes[offset]! << 24) | (bytes[offset + 1]! << 16)) >> 16;
}
