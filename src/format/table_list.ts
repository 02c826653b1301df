/**
 * The list of the tables of dumps: what each stream of a backup consists of, piece after piece, from its first byte to
 * its last.
 *
 * The first line is `agent-tables/1`. A line `stream` and a path begins a stream, in the order of the paths. Each line
 * after it is one piece: its kind, its length in bytes and, as far as they are known, the database, the schema and the
 * name of its object, and schema and name of the second object of a foreign key and the like. Fields are separated by
 * tabs; missing ones are empty, and not written at the end. In a name, a backslash, a tab, a line feed and a carriage
 * return are written `\\`, `\t`, `\n` and `\r`. Names are bytes as in the dump. Where a piece lies follows from the
 * lengths before it, so that one that grows changes no other line.
 */
import { concatBytes } from "../base/bytes.ts";
import { bytesOfByteString, byteStringOf } from "./byte_string.ts";
import { damaged } from "./damage.ts";

/** What a piece is; `guard/tables/piece.ts` describes each. */
const PIECE_KINDS = [
  "head",
  "tail",
  "database",
  "setting",
  "structure",
  "data",
  "index",
  "constraint",
  "trigger",
  "property",
  "foreign-key",
  "partition",
  "owned-sequence",
  "index-partition",
  "view",
  "sequence",
  "sequence-data",
  "schema",
  "extension",
  "definition",
  "global",
  "other",
] as const;

/** What a piece is. */
export type PieceKind = (typeof PIECE_KINDS)[number];

/** One piece of a dump. Names are byte strings. */
export interface ListedPiece {
  readonly kind: PieceKind;
  /** Its length; at least 1. */
  readonly bytes: number;
  /** Null where the dump does not say. */
  readonly database: string | null;
  /** Null where there are none, or the dump does not say. */
  readonly schema: string | null;
  /** Null for a piece that is of no single object. */
  readonly name: string | null;
  /** The second table, index or sequence. */
  readonly of: { readonly schema: string | null; readonly name: string } | null;
}

/** The pieces of one stream. */
export interface StreamPieces {
  /** Its path below the directory of the series, as a byte string. */
  readonly path: string;
  readonly pieces: readonly ListedPiece[];
}

const HEADER = "agent-tables/1\n";
/** The longest list that is written, in bytes of one backup; enough for some 100,000 tables. */
export const MOST_TABLE_LIST_BYTES = 16 * 1024 * 1024;
const ESCAPES: Readonly<Record<string, string>> = { "\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r" };
const UNESCAPED: Readonly<Record<string, string>> = { "\\\\": "\\", "\\t": "\t", "\\n": "\n", "\\r": "\r" };

/** Encodes the pieces of one stream as they come. Names are given as one character for each byte. */
export class PieceEncoder {
  #bytes = new Uint8Array(4096);
  #length = 0;

  /** Adds a piece. Returns false, and adds nothing, if the list would become too long. */
  add(piece: ListedPiece): boolean {
    const line = pieceLine(piece);
    if (this.#length + line.length > MOST_TABLE_LIST_BYTES) return false;
    if (this.#length + line.length > this.#bytes.length) this.#grow(line.length);
    for (let i = 0; i < line.length; i++) this.#bytes[this.#length++] = line.charCodeAt(i);
    return true;
  }

  /** The lines of all pieces. */
  finish(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length);
  }

  #grow(needed: number): void {
    const larger = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + needed));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }
}

function pieceLine({ kind, bytes, database, schema, name, of }: ListedPiece): string {
  const fields = [database, schema, name, of?.schema ?? null, of?.name ?? null].map((field) => escaped(field ?? ""));
  return `${kind}\t${bytes}\t${fields.join("\t")}`.replace(/\t+$/, "") + "\n";
}

/** A stream with the lines of its pieces. */
interface EncodedStream {
  readonly path: string;
  readonly lines: Uint8Array;
}

/** The whole list of streams in the order of their paths. */
export function encodeTableList(streams: readonly EncodedStream[]): Uint8Array<ArrayBuffer> {
  return concatBytes([
    new TextEncoder().encode(HEADER),
    ...streams.flatMap(({ path, lines }) => [bytesOfByteString(`stream\t${escaped(path)}\n`), lines]),
  ]);
}

/**
 * Reads a list. `what` names it in errors. Throws `IntegrityError` for anything that `encodeTableList` does not write,
 * and for versions that are not known.
 */
export function decodeTableList(bytes: Uint8Array, what: string): StreamPieces[] {
  const header = byteStringOf(bytes.subarray(0, HEADER.length));
  if (header !== HEADER) {
    const newer = /^agent-tables\/\d/.test(header);
    throw damaged(what, newer ? "made by a newer version; update agent to read it" : "not a list of tables");
  }
  const streams: { readonly path: string; readonly pieces: ListedPiece[] }[] = [];
  const paths = new Set<string>();
  for (const line of linesOf(bytes.subarray(HEADER.length), what)) {
    const [kind, ...fields] = line.split("\t");
    if (kind === "stream") {
      const path = unescaped(fields[0] ?? "", what);
      if (fields.length !== 1 || path === "" || paths.has(path)) throw damaged(what, "a stream has no path of its own");
      paths.add(path);
      streams.push({ path, pieces: [] });
    } else {
      const stream = streams.at(-1);
      if (stream === undefined) throw damaged(what, "a piece belongs to no stream");
      stream.pieces.push(decodePiece(kind!, fields, what));
    }
  }
  return streams;
}

/** The pieces of lines that a `PieceEncoder` wrote. */
export function decodePieces(lines: Uint8Array, what: string): ListedPiece[] {
  return [...linesOf(lines, what)].map((line) => {
    const [kind, ...fields] = line.split("\t");
    return decodePiece(kind!, fields, what);
  });
}

const LINE_FEED = 0x0a;

function* linesOf(bytes: Uint8Array, what: string): Generator<string> {
  let start = 0;
  for (let end = bytes.indexOf(LINE_FEED); end >= 0; end = bytes.indexOf(LINE_FEED, start)) {
    yield byteStringOf(bytes.subarray(start, end));
    start = end + 1;
  }
  if (start < bytes.length) throw damaged(what, "its last line is not whole");
}

function decodePiece(word: string, fields: readonly string[], what: string): ListedPiece {
  const kind = PIECE_KINDS.find((known) => known === word);
  if (kind === undefined) throw damaged(what, `${JSON.stringify(word.slice(0, 40))} is no kind of piece`);
  const [length = "", ...names] = fields;
  const bytes = Number(length);
  if (!/^[1-9]\d{0,15}$/.test(length) || !Number.isSafeInteger(bytes)) throw damaged(what, "a piece has no length");
  if (names.length > 5 || names.at(-1) === "") throw damaged(what, "a piece has too many fields");
  const [database = null, schema = null, name = null, ofSchema = null, ofName = null] = names
    .map((field) => field === "" ? null : unescaped(field, what));
  const of = ofName === null ? null : { schema: ofSchema, name: ofName };
  return { kind, bytes, database, schema, name, of };
}

function escaped(text: string): string {
  return text.replace(/[\\\t\n\r]/g, (character) => ESCAPES[character]!);
}

function unescaped(field: string, what: string): string {
  return field.replace(/\\.?/g, (escape) => {
    const character = UNESCAPED[escape];
    if (character === undefined) throw damaged(what, "a name is not escaped as it should");
    return character;
  });
}
