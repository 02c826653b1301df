/**
 * The records of zip archives (APPNOTE.TXT 6.3.10 by PKWARE) for writing front to back: sizes and checksum follow each
 * content, and everything is repeated in the central directory at the end. Sizes and offsets of any length (zip64).
 *
 * What zip has no fields for is in the extra fields of Info-ZIP: the time of change in UTC (0x5455), and user and group
 * (0x7875). Mode and type are Unix's, in the external attributes.
 */
import { concatBytes } from "../../base/bytes.ts";
import { timestampToNanoseconds, ZERO_TIME } from "../time.ts";
import { unixPermissions } from "../tree/file_mode.ts";
import type { NodeType } from "../tree/node.ts";
import type { ArchiveMember, LeftOutTypes } from "./member.ts";

/** Zip has nothing but files, directories and symbolic links. */
export const LEFT_OUT_OF_ZIP: LeftOutTypes = new Set<NodeType>(["dev", "chardev", "fifo", "socket", "irregular"]);

/** How a content is stored. */
export const ZipMethod = { stored: 0, deflated: 8 } as const;
/** One of the methods. */
export type ZipMethod = (typeof ZipMethod)[keyof typeof ZipMethod];

/** The most bytes in the name of a member. */
export const MOST_ZIP_NAME_BYTES = 0xffff;

/** What is known about a content once it was written. */
export interface ZipContent {
  readonly method: ZipMethod;
  /** CRC-32 of the content. */
  readonly crc32: number;
  /** Bytes of the content. */
  readonly size: number;
  /** Bytes that it takes in the archive. */
  readonly storedBytes: number;
}

/** The content of a directory. */
export const NO_CONTENT: ZipContent = { method: ZipMethod.stored, crc32: 0, size: 0, storedBytes: 0 };

/** How a member begins: with all facts about its content, or with its size alone if the rest follows it. */
type ZipBeginning = ZipContent | { readonly size: number };

const LOCAL_HEADER = 0x04034b50;
const DESCRIPTOR = 0x08074b50;
const CENTRAL_HEADER = 0x02014b50;
const END_64 = 0x06064b50;
const END_64_LOCATOR = 0x07064b50;
const END = 0x06054b50;

const VERSION_DEFLATED = 20;
const VERSION_ZIP64 = 45;
const MADE_BY_UNIX = 3 << 8;
const FLAG_DESCRIPTOR = 1 << 3;
const FLAG_UTF8 = 1 << 11;

const EXTRA_ZIP64 = 0x0001;
const EXTRA_TIME = 0x5455;
const EXTRA_OWNER = 0x7875;
const TIME_OF_CHANGE = 1;

/** A number that does not fit, and stands in the zip64 field instead. */
const IN_ZIP64 = 0xffff_ffff;
const MANY_ENTRIES = 0xffff;
/** Contents from this size on have descriptors for zip64: deflating may add a few bytes to what does not shrink. */
const LONG_CONTENT_BYTES = 0xffff_ffff - 0x0100_0000;

const UNIX_TYPES: Readonly<Partial<Record<NodeType, number>>> = { file: 0o100000, dir: 0o040000, symlink: 0o120000 };
const NANOSECONDS = 1_000_000_000n;
const DOS_DIRECTORY = 0x10;
const DOS_FIRST_YEAR = 1980;
const DOS_LAST_YEAR = 2107;

const encoder = new TextEncoder();

/** The header before a content. The name must be Unicode. */
export function zipLocalHeader(member: ArchiveMember, beginning: ZipBeginning): Uint8Array<ArrayBuffer> {
  const name = nameOf(member);
  const known = "crc32" in beginning ? beginning : undefined;
  const isLong = isLongContent(beginning);
  const sizes = isLong ? [field(EXTRA_ZIP64, (fields) => fields.u64(0).u64(0))] : [];
  const extra = concatBytes([...sizes, timeField(member), ownerField(member)]);
  const record = new Fields(30);
  record.u32(LOCAL_HEADER).u16(isLong ? VERSION_ZIP64 : VERSION_DEFLATED).u16(
    known ? FLAG_UTF8 : FLAG_UTF8 | FLAG_DESCRIPTOR,
  );
  record.u16(known?.method ?? ZipMethod.deflated).u32(dosTime(member)).u32(known?.crc32 ?? 0);
  if (isLong) record.u32(IN_ZIP64).u32(IN_ZIP64);
  else record.u32(known?.storedBytes ?? 0).u32(known?.size ?? 0);
  record.u16(name.length).u16(extra.length);
  return concatBytes([record.bytes, name, extra]);
}

/** The descriptor after a content whose header told nothing but its size. */
export function zipDescriptor({ crc32, size, storedBytes }: ZipContent): Uint8Array<ArrayBuffer> {
  const isLong = isLongContent({ size });
  const record = new Fields(isLong ? 24 : 16).u32(DESCRIPTOR).u32(crc32);
  return (isLong ? record.u64(storedBytes).u64(size) : record.u32(storedBytes).u32(size)).bytes;
}

/** A member's entry in the central directory. `offset` is that of its header in the archive. */
export function zipCentralHeader(
  member: ArchiveMember,
  content: ZipContent,
  { offset, hasDescriptor }: { readonly offset: number; readonly hasDescriptor: boolean },
): Uint8Array<ArrayBuffer> {
  const name = nameOf(member);
  const numbers = [content.size, content.storedBytes, offset];
  const long = numbers.filter((number) => number >= IN_ZIP64);
  const sizes = long.length === 0 ? [] : [
    field(EXTRA_ZIP64, (fields) => long.forEach((number) => fields.u64(number))),
  ];
  const extra = concatBytes([...sizes, timeField(member), ownerField(member)]);
  const [size, storedBytes, shortOffset] = numbers.map((number) => Math.min(number, IN_ZIP64)) as [
    number,
    number,
    number,
  ];
  const record = new Fields(46);
  record.u32(CENTRAL_HEADER).u16(MADE_BY_UNIX | VERSION_ZIP64);
  record.u16(long.length > 0 || isLongContent(content) ? VERSION_ZIP64 : VERSION_DEFLATED);
  record.u16(hasDescriptor ? FLAG_UTF8 | FLAG_DESCRIPTOR : FLAG_UTF8).u16(content.method).u32(dosTime(member));
  record.u32(content.crc32).u32(storedBytes).u32(size).u16(name.length).u16(extra.length);
  record.u16(0).u16(0).u16(0).u32(externalAttributes(member)).u32(shortOffset);
  return concatBytes([record.bytes, name, extra]);
}

/** The central directory, which lies before the end. */
interface ZipDirectory {
  readonly entries: number;
  readonly offset: number;
  readonly bytes: number;
}

/** The end of an archive. */
export function zipEnd({ entries, offset, bytes }: ZipDirectory): Uint8Array<ArrayBuffer> {
  const isLong = entries >= MANY_ENTRIES || offset >= IN_ZIP64 || bytes >= IN_ZIP64;
  const end = new Fields(22).u32(END).u16(0).u16(0);
  const shortEntries = Math.min(entries, MANY_ENTRIES);
  end.u16(shortEntries).u16(shortEntries).u32(Math.min(bytes, IN_ZIP64)).u32(Math.min(offset, IN_ZIP64)).u16(0);
  if (!isLong) return end.bytes;
  const end64 = new Fields(56).u32(END_64).u64(56 - 12).u16(MADE_BY_UNIX | VERSION_ZIP64).u16(VERSION_ZIP64);
  end64.u32(0).u32(0).u64(entries).u64(entries).u64(bytes).u64(offset);
  const locator = new Fields(20).u32(END_64_LOCATOR).u32(0).u64(offset + bytes).u32(1);
  return concatBytes([end64.bytes, locator.bytes, end.bytes]);
}

function isLongContent({ size }: { readonly size: number }): boolean {
  return size >= LONG_CONTENT_BYTES;
}

function nameOf({ path, node }: ArchiveMember): Uint8Array<ArrayBuffer> {
  return encoder.encode(node.type === "dir" ? `${path}/` : path);
}

function externalAttributes({ node: { type, mode } }: ArchiveMember): number {
  const unix = (UNIX_TYPES[type] ?? 0) | unixPermissions(mode);
  return unix * 0x1_0000 + (type === "dir" ? DOS_DIRECTORY : 0);
}

/** Seconds since 1970 UTC, rounded down. */
function secondsOf({ node: { mtime } }: ArchiveMember): number {
  if (mtime === ZERO_TIME) return 0;
  const nanoseconds = timestampToNanoseconds(mtime);
  const fraction = ((nanoseconds % NANOSECONDS) + NANOSECONDS) % NANOSECONDS;
  return Number((nanoseconds - fraction) / NANOSECONDS);
}

/** The time for programs that do not know the extra field; in UTC, because the zone of the reader is unknown. */
function dosTime(member: ArchiveMember): number {
  const date = new Date(secondsOf(member) * 1000);
  const year = date.getUTCFullYear();
  if (year < DOS_FIRST_YEAR) return dosTimeOf(new Date(Date.UTC(DOS_FIRST_YEAR, 0, 1)));
  return dosTimeOf(year > DOS_LAST_YEAR ? new Date(Date.UTC(DOS_LAST_YEAR, 11, 31)) : date);
}

/** The date in the upper, the time in the lower half. */
function dosTimeOf(date: Date): number {
  const day = (date.getUTCFullYear() - DOS_FIRST_YEAR) << 9 | (date.getUTCMonth() + 1) << 5 | date.getUTCDate();
  const time = date.getUTCHours() << 11 | date.getUTCMinutes() << 5 | date.getUTCSeconds() >> 1;
  return day * 0x1_0000 + time;
}

/** The time of change in whole seconds; empty if 32 bits cannot hold it. */
function timeField(member: ArchiveMember): Uint8Array<ArrayBuffer> {
  const seconds = secondsOf(member);
  if (seconds !== (seconds | 0)) return new Uint8Array(0);
  return field(EXTRA_TIME, (fields) => fields.u8(TIME_OF_CHANGE).u32(seconds >>> 0));
}

function ownerField({ node: { uid, gid } }: ArchiveMember): Uint8Array<ArrayBuffer> {
  return field(EXTRA_OWNER, (fields) => fields.u8(1).u8(4).u32(uid).u8(4).u32(gid));
}

/** The most bytes in an extra field here: three numbers of eight bytes. */
const MOST_FIELD_BYTES = 24;

function field(id: number, write: (fields: Fields) => void): Uint8Array<ArrayBuffer> {
  const content = new Fields(MOST_FIELD_BYTES);
  write(content);
  const written = content.written;
  return concatBytes([new Fields(4).u16(id).u16(written.length).bytes, written]);
}

/** Little-endian numbers, one after the other. */
class Fields {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly #view: DataView;
  #at = 0;

  constructor(length: number) {
    this.bytes = new Uint8Array(length);
    this.#view = new DataView(this.bytes.buffer);
  }

  get written(): Uint8Array<ArrayBuffer> {
    return this.bytes.subarray(0, this.#at);
  }

  u8(value: number): this {
    this.#view.setUint8(this.#at, value);
    this.#at += 1;
    return this;
  }

  u16(value: number): this {
    this.#view.setUint16(this.#at, value, true);
    this.#at += 2;
    return this;
  }

  u32(value: number): this {
    this.#view.setUint32(this.#at, value, true);
    this.#at += 4;
    return this;
  }

  u64(value: number): this {
    this.#view.setBigUint64(this.#at, BigInt(value), true);
    this.#at += 8;
    return this;
  }
}
