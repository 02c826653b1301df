/**
 * The snapshot file of GNU tar's `--listed-incremental` (GNU tar manual, "Format of the Incremental Snapshot Files",
 * version 2): a line `GNU tar-VERSION-2`, the time of the backup as two fields, and a record a directory: NFS flag, two
 * fields for the time, device, inode, name, and a list of its entries. A field ends with NUL, and so do a list and a
 * record.
 */
import { concatBytes } from "../../base/bytes.ts";
import { IntegrityError } from "../../base/errors.ts";

const LINE_END = 0x0a;
const HEADER = /^GNU tar-[^\n]{1,40}-2$/;
const MOST_HEADER_BYTES = 64;
const TIME_FIELDS = 2;
const FIELDS = { beforeDevice: 3, beforeName: 5 };
/** The record of a directory with millions of entries takes less. */
const MOST_RECORD_BYTES = 512 * 2 ** 20;

/** The number of no device that has directories. */
const NO_DEVICE = Uint8Array.of(0x30, 0);

/** The record of one directory. */
interface DirectoryRecord {
  /** A character a byte, as in `./etc`. */
  readonly name: string;
  /** The whole record. */
  readonly bytes: Uint8Array;
  /** The record with another device, on which no directory is. */
  withoutDevice(): Uint8Array;
}

/** What becomes of a record; null removes it. */
export type EditRecord = (record: DirectoryRecord) => Uint8Array | null;

/** What else is changed. */
interface SnapshotChanges {
  /** How many seconds the time of the backup is put back; 0 by default. */
  readonly earlierSeconds?: number;
}

/** Changes a snapshot file as it passes. */
export class SnapshotEditor {
  readonly #edit: EditRecord;
  readonly #earlierSeconds: number;
  #pending: Uint8Array[] = [];
  #length = 0;
  /** With fewer bytes it is not worth trying again. */
  #wanted = 1;
  #isInRecords = false;

  constructor(edit: EditRecord, { earlierSeconds = 0 }: SnapshotChanges = {}) {
    this.#edit = edit;
    this.#earlierSeconds = earlierSeconds;
  }

  /** Takes the next bytes, and keeps no view of them. Returns what is certain by now. Throws `IntegrityError`. */
  push(bytes: Uint8Array): Uint8Array {
    this.#pending.push(bytes.slice());
    this.#length += bytes.length;
    return this.#length < this.#wanted ? new Uint8Array(0) : this.#convert();
  }

  /** Takes the end, and returns the rest. Throws `IntegrityError` if the file is no snapshot file, or half of one. */
  finish(): Uint8Array {
    const rest = this.#convert();
    if (!this.#isInRecords || this.#length > 0) throw damaged("it breaks off");
    return rest;
  }

  #convert(): Uint8Array {
    const all = concatBytes(this.#pending);
    const parts: Uint8Array[] = [];
    let start = 0;
    for (let end = this.#unitEnd(all, start); end > start; end = this.#unitEnd(all, start)) {
      const unit = all.subarray(start, end);
      const part = this.#isInRecords ? this.#edit(recordOf(unit)) : earlier(unit, this.#earlierSeconds);
      if (part !== null) parts.push(part);
      this.#isInRecords = true;
      start = end;
    }
    this.#pending = [all.subarray(start)];
    this.#length = all.length - start;
    // A long record comes in many pieces.
    this.#wanted = 2 * this.#length + 1;
    if (this.#length > MOST_RECORD_BYTES) throw damaged("a record does not end");
    return concatBytes(parts);
  }

  /** Where the head or the record that begins at `start` ends; `start` or -1 if it is not whole yet. */
  #unitEnd(bytes: Uint8Array, start: number): number {
    if (start === bytes.length) return start;
    return this.#isInRecords ? recordEnd(bytes, fieldsEnd(bytes, start, FIELDS.beforeName + 1)) : headEnd(bytes);
  }
}

function headEnd(bytes: Uint8Array): number {
  const lineEnd = bytes.indexOf(LINE_END);
  if (lineEnd < 0 && bytes.length < MOST_HEADER_BYTES) return -1;
  if (!HEADER.test(latin1(bytes.subarray(0, Math.min(Math.max(lineEnd, 0), MOST_HEADER_BYTES))))) {
    throw damaged("it does not begin as GNU tar writes it");
  }
  return fieldsEnd(bytes, lineEnd + 1, TIME_FIELDS);
}

/** The head with an earlier time. Throws `IntegrityError` if it has none. */
function earlier(head: Uint8Array, seconds: number): Uint8Array {
  const [, line, time, rest] = /^([^\n]*\n)(\d{1,15})(\0\d+\0)$/.exec(latin1(head)) ?? [];
  if (time === undefined) throw damaged("it has no time");
  return new TextEncoder().encode(`${line}${Math.max(0, Number(time) - seconds)}${rest}`);
}

function recordOf(bytes: Uint8Array): DirectoryRecord {
  const device = fieldsEnd(bytes, 0, FIELDS.beforeDevice);
  const inode = fieldsEnd(bytes, device, 1);
  const name = fieldsEnd(bytes, 0, FIELDS.beforeName);
  return {
    name: latin1(bytes.subarray(name, fieldsEnd(bytes, name, 1) - 1)),
    bytes,
    withoutDevice: () => concatBytes([bytes.subarray(0, device), NO_DEVICE, bytes.subarray(inode)]),
  };
}

/** Where that many fields end; -1 if there are fewer. */
function fieldsEnd(bytes: Uint8Array, start: number, count: number): number {
  let end = start;
  for (let i = 0; i < count && end >= 0; i++) end = bytes.indexOf(0, end) + 1 || -1;
  return end;
}

/** Where a record ends whose list begins at `start`; -1 if it does not end. */
function recordEnd(bytes: Uint8Array, start: number): number {
  let end = start;
  while (end >= 0 && end < bytes.length && bytes[end] !== 0) end = fieldsEnd(bytes, end, 1);
  if (end < 0 || end + 1 >= bytes.length) return -1;
  if (bytes[end + 1] !== 0) throw damaged("a record does not end as GNU tar ends it");
  return end + 2;
}

function damaged(why: string): IntegrityError {
  return new IntegrityError(`tar cannot continue from this snapshot file: ${why}`);
}

function latin1(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}
