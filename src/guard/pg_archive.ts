/**
 * Custom-format archives of `pg_dump -Fc`: a header, a table of contents, then one run of data blocks for each entry
 * that has data. Layout: PostgreSQL's `pg_backup_archiver.c` (`ReadHead`, `ReadToc`) and `pg_backup_custom.c`.
 */
import { SourceError } from "../base/errors.ts";
import { beginsWith, type Format, latin1 } from "./judge.ts";
import type { PieceKind, PieceOwner, PieceSink } from "./tables/piece.ts";
import { ownerOfStatement } from "./tables/postgres_statement.ts";
import { type Cursor, littleEndian, type Reading, type Walk, WalkJudge } from "./walk.ts";

const MAGIC = "PGDMP";
/** Magic number, three bytes of version, sizes of integers and offsets, format. */
const HEADER_BYTES = MAGIC.length + 6;
const FORMAT_CUSTOM = 1;
/** Archive versions 1.10 (PostgreSQL 8.0) to 1.16 (17, 18) are read. */
const MINOR = { first: 10, withSection: 11, withAccessMethod: 14, withAlgorithm: 15, withRelationKind: 16, last: 16 };
/** Seven integers: second, minute, hour, day, month, year, daylight saving. */
const DATE_INTEGERS = 7;
const OFFSET_NO_DATA = 3;
const BLOCK = { data: 1, largeObjects: 3 };
/**
 * Most entries with data. Their identifiers are remembered until their data was seen, so a larger number is refused.
 */
const MAX_DATA_ENTRIES = 2 ** 22;

export const pgArchiveFormat: Format = {
  name: "pg_dump-custom",
  recognises: (head) => beginsWith(head, MAGIC) && head[MAGIC.length] === 1 && head[MAGIC.length + 5] === FORMAT_CUSTOM,
  judge: (_nested, pieces) => new WalkJudge("pg_dump-custom", (cursor) => new Archive(cursor, pieces).walk()),
};

/** What is read of an entry's texts; names are shorter. */
const MOST_TEXT_BYTES = 2048;
/** Most entries with data whose names are remembered, too. With more there is no list of tables. */
const MOST_NAMED_ENTRIES = 2 ** 17;

/** Entries of these kinds are told by their names, all others by their statements. */
const KINDS: Readonly<Record<string, PieceKind>> = {
  "TABLE": "structure",
  "FOREIGN TABLE": "structure",
  "TABLE DATA": "data",
  "VIEW": "view",
  "MATERIALIZED VIEW": "view",
  "SEQUENCE SET": "sequence-data",
  // What a restore needs of every archive.
  "ENCODING": "head",
  "STDSTRINGS": "head",
  "SEARCHPATH": "head",
  // Large objects: data of no table.
  "BLOBS": "data",
};
const NAMELESS: ReadonlySet<string> = new Set(["ENCODING", "STDSTRINGS", "SEARCHPATH", "BLOBS"]);

const NOBODY = { database: null, schema: null, name: null, of: null };
const UNNAMED_DATA: PieceOwner = { kind: "data", ...NOBODY };

/** An entry of the table of contents, as far as it matters for its piece. */
interface Entry {
  readonly kind: string;
  readonly schema: string | null;
  readonly name: string;
  readonly statement: string;
}

/** The piece that an entry is. */
function ownerOfEntry({ kind, schema, name, statement }: Entry): PieceOwner {
  const known = KINDS[kind];
  if (known !== undefined) {
    return { kind: known, ...NOBODY, ...!NAMELESS.has(kind) && { schema, name } };
  }
  const found = ownerOfStatement(statement);
  const named = found.kind === "database" ? null : found.name;
  return { kind: found.kind, database: null, schema: null, name: null, ...named, of: found.of };
}

/** One archive being read. */
class Archive {
  readonly #cursor: Cursor;
  #minor = 0;
  #intBytes = 0;
  #offsetBytes = 0;
  /** Identifiers of the entries whose data is still to come, and to which piece it belongs. */
  readonly #due = new Map<number, PieceOwner>();
  readonly #pieces: PieceSink | undefined;
  #database: string | null = null;
  #hasGivenUp = false;
  /** Where the next piece begins. */
  #told = 0;

  constructor(cursor: Cursor, pieces: PieceSink | undefined) {
    this.#cursor = cursor;
    this.#pieces = pieces;
  }

  *walk(): Walk {
    yield* this.#walkHeader();
    const entries = yield* this.#count("the number of entries");
    this.#tell({ kind: "head", ...NOBODY });
    for (let i = 0; i < entries; i++) yield* this.#walkEntry();
    const withData = this.#due.size;
    while (yield* this.#walkData());
    if (this.#due.size > 0) {
      throw new SourceError(
        `ends at byte ${this.#cursor.position}, the data of ${this.#due.size} of ${withData} entries is missing`,
      );
    }
    return `holds the data of all ${withData} entries that have any, of ${entries}`;
  }

  *#walkHeader(): Reading<void> {
    const header = yield { take: HEADER_BYTES, what: "the archive header" };
    if (!beginsWith(header, MAGIC)) throw new SourceError("does not begin like a pg_dump custom archive");
    const [major, minor, , intBytes, offsetBytes, format] = header.subarray(MAGIC.length);
    if (format !== FORMAT_CUSTOM) throw new SourceError("is a pg_dump archive of another format than custom");
    if (major !== 1 || minor! < MINOR.first || minor! > MINOR.last) {
      throw new SourceError(
        `is an archive of version ${major}.${minor}, known are 1.${MINOR.first} to 1.${MINOR.last}; use --guard none`,
      );
    }
    if (!isWidth(intBytes!) || !isWidth(offsetBytes!)) throw new SourceError("the archive header is malformed");
    this.#minor = minor!;
    this.#intBytes = intBytes!;
    this.#offsetBytes = offsetBytes!;
    if (this.#minor >= MINOR.withAlgorithm) yield { pass: 1, what: "the archive header" };
    else yield* this.#integer("the archive header");
    for (let i = 0; i < DATE_INTEGERS; i++) yield* this.#integer("the archive header");
    this.#database = yield* this.#text("the archive header");
    yield* this.#passStrings(2, "the archive header"); // versions of server and pg_dump
  }

  *#walkEntry(): Reading<void> {
    const what = "the table of contents";
    const id = yield* this.#count(what);
    yield* this.#integer(what);
    yield* this.#passStrings(2, what); // table oid, oid
    const name = (yield* this.#text(what)) ?? "";
    const kind = (yield* this.#text(what)) ?? "";
    if (this.#minor >= MINOR.withSection) yield* this.#integer(what);
    const statement = (yield* this.#text(what)) ?? "";
    yield* this.#passStrings(2, what); // drop and copy statements
    const schema = yield* this.#text(what);
    yield* this.#passStrings(1, what); // tablespace
    if (this.#minor >= MINOR.withAccessMethod) yield* this.#passStrings(1, what);
    if (this.#minor >= MINOR.withRelationKind) yield* this.#integer(what);
    yield* this.#passStrings(2, what); // owner, with oids
    while (yield* this.#passString(what)); // dependencies, closed by an absent string
    const offset = yield { take: 1 + this.#offsetBytes, what };
    const state = offset[0]!;
    if (state < 1 || state > OFFSET_NO_DATA) {
      throw new SourceError(`the table of contents is malformed before byte ${this.#cursor.position}`);
    }
    const owner = ownerOfEntry({ kind, schema: schema === "" ? null : schema, name, statement: statement.trimStart() });
    this.#tell(owner);
    if (state === OFFSET_NO_DATA) return;
    if (this.#due.size >= MOST_NAMED_ENTRIES) this.#giveUp();
    this.#due.set(id, this.#hasGivenUp ? UNNAMED_DATA : { ...owner, kind: "data" });
    if (this.#due.size > MAX_DATA_ENTRIES) throw new SourceError(`has more than ${MAX_DATA_ENTRIES} entries with data`);
  }

  /** Passes one entry's data. Returns `false` if the stream ends instead. */
  *#walkData(): Reading<boolean> {
    const offset = this.#cursor.position;
    const [type] = yield { take: 1, what: "a data block", orEnd: true };
    if (type === undefined) return false;
    if (type !== BLOCK.data && type !== BLOCK.largeObjects) {
      throw new SourceError(`no data block begins at byte ${offset}`);
    }
    const id = yield* this.#count("a data block");
    const owner = this.#due.get(id);
    if (owner === undefined || !this.#due.delete(id)) {
      throw new SourceError(`the data block at byte ${offset} belongs to no entry, or to one twice`);
    }
    if (type === BLOCK.data) yield* this.#passPieces();
    else while ((yield* this.#integer("a large object")) !== 0) yield* this.#passPieces();
    this.#tell(owner);
    return true;
  }

  /** Tells of the piece that ends here. */
  #tell(owner: PieceOwner): void {
    if (!this.#hasGivenUp) {
      this.#pieces?.piece({ ...owner, database: this.#database, bytes: this.#cursor.position - this.#told });
    }
    this.#told = this.#cursor.position;
  }

  #giveUp(): void {
    if (!this.#hasGivenUp) this.#pieces?.giveUp("it has too many tables for a list");
    this.#hasGivenUp = true;
  }

  *#passPieces(): Reading<void> {
    const pieces = new Pieces(this.#intBytes);
    const sink = (piece: Uint8Array) => pieces.take(piece);
    yield { pass: Infinity, what: "a data block", sink, isDone: () => pieces.ended };
  }

  *#passStrings(count: number, what: string): Reading<void> {
    for (let i = 0; i < count; i++) yield* this.#passString(what);
  }

  /** Passes a string. Returns `false` if it is absent (its length is negative). */
  *#passString(what: string): Reading<boolean> {
    const length = yield* this.#integer(what);
    if (length > 0) yield { pass: length, what };
    return length >= 0;
  }

  /** The beginning of a text, one character for each byte; null if it is absent. */
  *#text(what: string): Reading<string | null> {
    const length = yield* this.#integer(what);
    if (length < 0) return null;
    if (length === 0) return "";
    const text = latin1(yield { take: Math.min(length, MOST_TEXT_BYTES), what });
    if (length > MOST_TEXT_BYTES) yield { pass: length - MOST_TEXT_BYTES, what };
    return text;
  }

  *#count(what: string): Reading<number> {
    const value = yield* this.#integer(what);
    if (value < 0) throw new SourceError(`${what} is malformed before byte ${this.#cursor.position}`);
    return value;
  }

  /** A sign byte and the magnitude, little-endian. */
  *#integer(what: string): Reading<number> {
    const field = yield { take: 1 + this.#intBytes, what };
    const magnitude = littleEndian(field, 1, this.#intBytes);
    if (!Number.isSafeInteger(magnitude)) {
      throw new SourceError(`${what} is malformed before byte ${this.#cursor.position}`);
    }
    return field[0] === 0 ? magnitude : -magnitude;
  }
}

/**
 * Passes pieces, each with its length in front, up to a length of zero. Without compression every row is a piece, so
 * this is a separate loop instead of one step of the walk for each piece.
 */
class Pieces {
  readonly #field: Uint8Array;
  #fieldBytes = 0;
  /** Bytes of the current piece still to come. */
  #left = 0;
  ended = false;

  constructor(intBytes: number) {
    this.#field = new Uint8Array(1 + intBytes);
  }

  /** Takes `bytes` up to the end of the last piece. Returns the number of bytes taken. */
  take(bytes: Uint8Array): number {
    let offset = 0;
    while (offset < bytes.length && !this.ended) {
      const skipped = Math.min(this.#left, bytes.length - offset);
      this.#left -= skipped;
      offset += skipped;
      while (this.#left === 0 && offset < bytes.length && !this.ended) this.#takeLengthByte(bytes[offset++]!);
    }
    return offset;
  }

  #takeLengthByte(byte: number): void {
    this.#field[this.#fieldBytes++] = byte;
    if (this.#fieldBytes < this.#field.length) return;
    this.#fieldBytes = 0;
    this.#left = littleEndian(this.#field, 1, this.#field.length - 1);
    if (this.#left > 0 && this.#field[0] !== 0) throw new SourceError("a data block has a piece of negative length");
    this.ended = this.#left === 0;
  }
}

function isWidth(bytes: number): boolean {
  return bytes >= 1 && bytes <= 8;
}
