/**
 * tar archives (v7, ustar, GNU and pax): a chain of 512-byte headers, each followed by its member's content, closed by
 * two blocks of zeros. Contents are skipped by their length. Layout: POSIX.1-2017 `pax`, "ustar Interchange Format",
 * and the GNU tar manual, "Basic Tar Format".
 */
import { SourceError } from "../base/errors.ts";
import { type Format, latin1, leadingZeros } from "./judge.ts";
import { type Cursor, type Pass, type Reading, type Walk, WalkJudge } from "./walk.ts";

const BLOCK_BYTES = 512;
/**
 * Extended headers hold names, attributes and, in incremental archives of GNU tar, the names of all entries of a
 * directory. A longer one is refused.
 */
const MAX_EXTENDED_BYTES = 64 * 2 ** 20;

const CHECKSUM = { offset: 148, length: 8 };
const SIZE = { offset: 124, length: 12 };
const TYPE_OFFSET = 156;
/**
 * Offset of the flag that another block of the map follows: in an old GNU sparse header, and in each block that extends
 * it.
 */
const SPARSE_EXTENDED_OFFSET = 482;
const SPARSE_BLOCK_EXTENDED_OFFSET = 504;

/** Hard links, symbolic links, devices, directories and fifos have no content, whatever their size field says. */
const WITHOUT_CONTENT = "123456";
/** pax headers about the next member, of POSIX and of Solaris. */
const EXTENDED = "xX";
/** Headers that are not members: pax header for all that follow, GNU long name and long link, GNU volume label. */
const ABOUT_OTHERS = "gLKV";

export const tarFormat: Format = {
  name: "tar",
  recognises: (head) => {
    const header = head.subarray(0, BLOCK_BYTES);
    return header.length === BLOCK_BYTES && header[0] !== 0 && checksumHolds(header);
  },
  judge: () => new WalkJudge("tar", walkArchive),
};

function* walkArchive(cursor: Cursor): Walk {
  let members = 0;
  let sizeAhead: number | undefined;
  for (let header = yield* takeHeader(); !isZero(header); header = yield* takeHeader()) {
    const offset = cursor.position - BLOCK_BYTES;
    if (!checksumHolds(header)) throw new SourceError(`the header at byte ${offset} has a wrong checksum`);
    const type = String.fromCharCode(header[TYPE_OFFSET]!);
    if (EXTENDED.includes(type)) {
      sizeAhead = yield* readExtended(sizeOf(header, offset), offset);
    } else if (ABOUT_OTHERS.includes(type)) {
      yield passContent(sizeOf(header, offset));
    } else {
      yield* passMember(type, header, sizeAhead ?? sizeOf(header, offset));
      sizeAhead = undefined;
      members++;
    }
  }
  const second = yield { take: BLOCK_BYTES, what: "the second of the two zero blocks that end an archive" };
  if (!isZero(second)) {
    throw new SourceError(
      `one zero block alone at byte ${cursor.position - 2 * BLOCK_BYTES}, an archive ends with two`,
    );
  }
  yield { pass: Infinity, what: "zero padding", orEnd: true, sink: leadingZeros };
  return yield* expectEnd(cursor, members);
}

/** Expects the end after the padding. What an archive has beyond that is not judged. */
function* expectEnd(cursor: Cursor, members: number): Reading<string> {
  const end = cursor.position;
  const more = yield { take: 1, what: "the end", orEnd: true };
  if (more.length > 0) throw new SourceError(`goes on at byte ${end} after the zero blocks that end an archive`);
  return `ends with two zero blocks after ${members} ${members === 1 ? "member" : "members"}`;
}

function* takeHeader(): Reading<Uint8Array> {
  return yield { take: BLOCK_BYTES, what: "a member header or the two zero blocks that end an archive" };
}

function* passMember(type: string, header: Uint8Array, size: number): Reading<void> {
  if (WITHOUT_CONTENT.includes(type)) return;
  if (type === "S" && header[SPARSE_EXTENDED_OFFSET] !== 0) yield* passSparseMap();
  yield passContent(size);
}

/**
 * Reads a pax header. Its size for the next member, if any, replaces a size that does not fit into that member's own
 * header.
 */
function* readExtended(size: number, offset: number): Reading<number | undefined> {
  if (size > MAX_EXTENDED_BYTES) throw new SourceError(`the extended header at byte ${offset} claims ${size} bytes`);
  const memberSize = sizeRecord(yield { take: size, what: "an extended header" });
  yield { pass: padding(size), what: "an extended header" };
  return memberSize;
}

function* passSparseMap(): Reading<void> {
  let extended = true;
  while (extended) {
    const block = yield { take: BLOCK_BYTES, what: "a sparse map" };
    extended = block[SPARSE_BLOCK_EXTENDED_OFFSET] !== 0;
  }
}

function passContent(size: number): Pass {
  return { pass: size + padding(size), what: "a member's content" };
}

function padding(size: number): number {
  return (BLOCK_BYTES - size % BLOCK_BYTES) % BLOCK_BYTES;
}

function isZero(block: Uint8Array): boolean {
  return leadingZeros(block) === block.length;
}

/** Compares the checksum: the sum of all bytes, with its own field as spaces. Some old writers summed signed bytes. */
function checksumHolds(header: Uint8Array): boolean {
  const expected = octal(header, CHECKSUM);
  let unsigned = 0;
  let signed = 0;
  for (let i = 0; i < BLOCK_BYTES; i++) {
    const own = i >= CHECKSUM.offset && i < CHECKSUM.offset + CHECKSUM.length;
    const byte = own ? 0x20 : header[i]!;
    unsigned += byte;
    signed += byte < 128 ? byte : byte - 256;
  }
  return expected === unsigned || expected === signed;
}

/** The size field: octal digits or, if the first bit is set, a big-endian number (GNU, star). */
function sizeOf(header: Uint8Array, offset: number): number {
  const first = header[SIZE.offset]!;
  const size = first === 0x80 ? base256(header) : octal(header, SIZE);
  if (size === null || !Number.isSafeInteger(size)) {
    throw new SourceError(`the header at byte ${offset} has no valid size`);
  }
  return size;
}

function base256(header: Uint8Array): number {
  let value = 0;
  for (let i = SIZE.offset + 1; i < SIZE.offset + SIZE.length; i++) value = value * 256 + header[i]!;
  return value;
}

/** An octal field, padded with spaces before and NULs or spaces after. An empty field is 0, a malformed one `null`. */
function octal(header: Uint8Array, { offset, length }: { offset: number; length: number }): number | null {
  const digits = /^ *([0-7]*)(?:[ \0].*)?$/s.exec(latin1(header.subarray(offset, offset + length)))?.[1];
  return digits === undefined ? null : digits === "" ? 0 : parseInt(digits, 8);
}

/** The last `size` among the records `LENGTH KEY=VALUE\n` of a pax header; undefined if there is none. */
function sizeRecord(records: Uint8Array): number | undefined {
  let size: number | undefined;
  for (let start = 0; start < records.length;) {
    const length = parseInt(latin1(records.subarray(start, start + 10)), 10);
    if (!(length > 0)) throw new SourceError("an extended header is malformed");
    const value = /^\d+ size=(\d+)\n$/.exec(latin1(records.subarray(start, start + Math.min(length, 64))))?.[1];
    if (value !== undefined) size = Number(value);
    start += length;
  }
  if (size !== undefined && !Number.isSafeInteger(size)) throw new SourceError("an extended header has no valid size");
  return size;
}
