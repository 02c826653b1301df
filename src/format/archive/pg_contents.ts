/**
 * The table of contents of a custom-format archive of `pg_dump -Fc`: takes it apart entry by entry and puts some of
 * them together again. Layout: PostgreSQL's `pg_backup_archiver.c` (`ReadHead`, `ReadToc`); the guard for these archives
 * (`guard/pg_archive.ts`) has checked it when it was backed up.
 */
import { concatBytes } from "../../base/bytes.ts";
import { damaged } from "../damage.ts";

/** An archive's header up to the number of its entries, as far as it matters here. */
export interface PgArchiveHeader {
  readonly intBytes: number;
  readonly offsetBytes: number;
  /** How many entries follow. */
  readonly entries: number;
  /** The header without the number of entries, which is its end. */
  readonly fixed: Uint8Array;
}

/** One entry. */
export interface PgEntry {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly dumpId: number;
  /** Whether a data block belongs to it. */
  readonly hasData: boolean;
}

const MAGIC = "PGDMP";
/** Magic number and three bytes of version; then the sizes of integers and offsets. */
const INT_SIZE_AT = MAGIC.length + 3;
/** What an entry says about the place of its data: it is given, it is unknown, or there is none. */
const PLACE = { given: 2, unknown: 1, none: 3 };

/** Reads the header: all bytes before the first entry. Throws `IntegrityError`. */
export function readPgHeader(bytes: Uint8Array, what: string): PgArchiveHeader {
  const [intBytes = 0, offsetBytes = 0] = bytes.subarray(INT_SIZE_AT);
  const isMagic = [...MAGIC].every((character, i) => bytes[i] === character.charCodeAt(0));
  const fixed = bytes.subarray(0, bytes.length - 1 - intBytes);
  if (
    !isMagic || intBytes < 1 || intBytes > 8 || offsetBytes < 1 || offsetBytes > 8 || fixed.length <= INT_SIZE_AT + 2
  ) {
    throw damaged(what, "no pg_dump archive");
  }
  return { intBytes, offsetBytes, fixed, entries: integer(bytes, fixed.length, intBytes) };
}

/** Reads the entries, which have these lengths. Throws `IntegrityError`. */
export function readPgContents(
  bytes: Uint8Array<ArrayBuffer>,
  lengths: readonly number[],
  header: PgArchiveHeader,
  what: string,
): PgEntry[] {
  let end = 0;
  return lengths.map((length) => readPgEntry(bytes.subarray(end, end += length), header, what));
}

/** Reads an entry. The place of its data is the last that it has. */
function readPgEntry(bytes: Uint8Array<ArrayBuffer>, header: PgArchiveHeader, what: string): PgEntry {
  const place = bytes[bytes.length - 1 - header.offsetBytes];
  if (place !== PLACE.given && place !== PLACE.unknown && place !== PLACE.none) {
    throw damaged(what, "a malformed entry");
  }
  return { bytes, dumpId: integer(bytes, 0, header.intBytes), hasData: place !== PLACE.none };
}

/** The identifier in the head of a data block: a byte of its type, and an integer. */
export function dumpIdOfBlock(bytes: Uint8Array, { intBytes }: PgArchiveHeader): number {
  return integer(bytes, 1, intBytes);
}

/** How many bytes `dumpIdOfBlock` needs. */
export function blockHeadBytes({ intBytes }: PgArchiveHeader): number {
  return 2 + intBytes;
}

/** An entry that is kept, and the length of its data block; 0 if it has none. */
interface KeptEntry extends PgEntry {
  readonly blockBytes: number;
}

/** Header and table of contents of an archive of these entries, whose blocks follow in their order. */
export function writePgContents(header: PgArchiveHeader, entries: readonly KeptEntry[]): Uint8Array<ArrayBuffer> {
  const count = new Uint8Array(1 + header.intBytes);
  writeNumber(count, 1, header.intBytes, entries.length);
  const contents = concatBytes([header.fixed, count, ...entries.map(({ bytes }) => bytes)]);
  let end = header.fixed.length + count.length;
  let place = contents.length;
  for (const { bytes, hasData, blockBytes } of entries) {
    end += bytes.length;
    if (!hasData) continue;
    const at = end - header.offsetBytes;
    contents[at - 1] = PLACE.given;
    writeNumber(contents, at, header.offsetBytes, place);
    place += blockBytes;
  }
  return contents;
}

/** A sign byte and the magnitude, little-endian. */
function integer(bytes: Uint8Array, at: number, length: number): number {
  let value = 0;
  for (let i = at + length; i > at; i--) value = value * 256 + bytes[i]!;
  return bytes[at] === 0 ? value : -value;
}

function writeNumber(bytes: Uint8Array, at: number, length: number, value: number): void {
  let left = value;
  for (let i = 0; i < length; i++) {
    bytes[at + i] = left % 256;
    left = Math.floor(left / 256);
  }
}
