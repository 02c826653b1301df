/**
 * Reads the members of a tar archive one after the other, as they come: ustar with extended headers (POSIX.1-2001) and
 * GNU's large sizes, as Python's tarfile writes them. Only regular files are taken, for nothing else belongs in a dump
 * file, and nothing is ever extracted.
 */
import type { ByteSource } from "../../base/byte_source.ts";
import { IntegrityError } from "../../base/errors.ts";

const BLOCK_BYTES = 512;
/** No extended header is longer. */
const MOST_EXTENDED_BYTES = 1024 * 1024;
const BUFFER_BYTES = 128 * 1024;
const CUT = "it is cut short";

/** A regular file in an archive. Its bytes can be read until the next member is asked for. */
export interface TarMember {
  /** Its name as it is written. */
  readonly name: string;
  /** Its length in bytes. */
  readonly size: number;
  /** When it was modified, in milliseconds since 1970 UTC. */
  readonly modifiedMs: number;
  /** Fills the beginning of `target`; null at the end. */
  read(target: Uint8Array): Promise<number | null>;
}

/**
 * The members of an archive. What is not read of one is passed over. Throws `IntegrityError` for whatever is no archive
 * of regular files, and at the end if the archive is cut, or goes on behind its end.
 */
export async function* tarMembers(source: ByteSource): AsyncGenerator<TarMember> {
  const input = new Input(source);
  let extended: ReadonlyMap<string, string> = new Map();
  for (;;) {
    const block = await input.take(BLOCK_BYTES);
    if (block.every((byte) => byte === 0)) return await input.expectZeros();
    const header = parseHeader(block);
    const { type } = header;
    if (type === "x" || type === "g") {
      const content = await input.take(extendedBytes(header.size));
      await input.pass(paddingOf(header.size));
      if (type === "x") extended = parseExtended(content);
      continue;
    }
    const member = { ...header, ...ofExtended(extended) };
    extended = new Map();
    if (type !== "0" && type !== "\0") throw damaged(`"${printable(member.name)}" in it is no regular file`);
    const content = input.content(member.size);
    yield { name: member.name, size: member.size, modifiedMs: member.modifiedMs, read: content.read };
    await input.pass(content.left() + paddingOf(member.size));
  }
}

interface Header {
  readonly name: string;
  readonly size: number;
  readonly modifiedMs: number;
  readonly type: string;
}

function parseHeader(block: Uint8Array): Header {
  const sum = number(block, 148, 8);
  const own = block.reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 0x20 : byte), 0);
  if (sum !== own) throw damaged("what follows a member of it is no header");
  const prefix = text(block, 345, 155);
  const name = text(block, 0, 100);
  const isUstar = text(block, 257, 8).startsWith("ustar") && block[262] === 0;
  return {
    name: isUstar && prefix !== "" ? `${prefix}/${name}` : name,
    size: number(block, 124, 12),
    modifiedMs: number(block, 136, 12) * 1000,
    type: String.fromCharCode(block[156]!),
  };
}

function text(block: Uint8Array, at: number, length: number): string {
  const field = block.subarray(at, at + length);
  const end = field.indexOf(0);
  return new TextDecoder().decode(end < 0 ? field : field.subarray(0, end));
}

/** Octal digits, or base 256 if the first bit is set. */
function number(block: Uint8Array, at: number, length: number): number {
  const field = block.subarray(at, at + length);
  let value = 0;
  if (field[0]! & 0x80) {
    for (const [i, byte] of field.entries()) value = value * 256 + (i === 0 ? byte & 0x7f : byte);
  } else {
    const digits = text(block, at, length).trim();
    if (!/^[0-7]*$/.test(digits)) throw damaged("a number in it is malformed");
    value = parseInt(digits || "0", 8);
  }
  if (!Number.isSafeInteger(value)) throw damaged("a number in it is too large");
  return value;
}

function extendedBytes(size: number): number {
  if (size <= MOST_EXTENDED_BYTES) return size;
  throw damaged(`an extended header in it has ${size} bytes`);
}

/** Records `LENGTH KEYWORD=VALUE` and a line feed. */
function parseExtended(bytes: Uint8Array): ReadonlyMap<string, string> {
  const records = new Map<string, string>();
  const decoder = new TextDecoder();
  for (let at = 0; at < bytes.length;) {
    const space = bytes.indexOf(0x20, at);
    const length = space < 0 ? NaN : Number(decoder.decode(bytes.subarray(at, space)));
    const record = decoder.decode(bytes.subarray(space + 1, at + length - 1));
    const equals = record.indexOf("=");
    if (!Number.isInteger(length) || length < 5 || at + length > bytes.length || equals < 1) {
      throw damaged("an extended header in it is malformed");
    }
    records.set(record.slice(0, equals), record.slice(equals + 1));
    at += length;
  }
  return records;
}

function ofExtended(records: ReadonlyMap<string, string>): Partial<Header> {
  const decimal = (value: string) => {
    const parsed = Number(value);
    if (!/^-?[0-9]+(\.[0-9]+)?$/.test(value) || Math.abs(parsed) > Number.MAX_SAFE_INTEGER / 1000) {
      throw damaged("a number in it is malformed");
    }
    return parsed;
  };
  const [path, size, modified] = ["path", "size", "mtime"].map((name) => records.get(name));
  if (size !== undefined && !/^[0-9]+$/.test(size)) throw damaged("a size in it is malformed");
  return {
    ...path === undefined ? {} : { name: path },
    ...size === undefined ? {} : { size: decimal(size) },
    ...modified === undefined ? {} : { modifiedMs: Math.floor(decimal(modified) * 1000) },
  };
}

function paddingOf(size: number): number {
  return (BLOCK_BYTES - size % BLOCK_BYTES) % BLOCK_BYTES;
}

/** Reads exact numbers of bytes. */
class Input {
  readonly #source: ByteSource;
  readonly #buffer = new Uint8Array(BUFFER_BYTES);
  #rest = new Uint8Array(0);

  constructor(source: ByteSource) {
    this.#source = source;
  }

  async take(count: number): Promise<Uint8Array> {
    const taken = new Uint8Array(count);
    for (let at = 0; at < count;) {
      const read = await this.#read(taken.subarray(at));
      if (read === null) throw damaged(CUT);
      at += read;
    }
    return taken;
  }

  async pass(count: number): Promise<void> {
    const scratch = new Uint8Array(Math.min(count, BUFFER_BYTES));
    for (let left = count; left > 0;) {
      const read = await this.#read(scratch.subarray(0, Math.min(left, scratch.length)));
      if (read === null) throw damaged(CUT);
      left -= read;
    }
  }

  /** The next `size` bytes, to be read once. */
  content(size: number): { read: TarMember["read"]; left(): number } {
    let left = size;
    return {
      left: () => left,
      read: async (target) => {
        if (left === 0) return null;
        const read = await this.#read(target.subarray(0, Math.min(target.length, left)));
        if (read === null) throw damaged(CUT);
        left -= read;
        return read;
      },
    };
  }

  /** Reads to the end, so that a checksum of what is around it is looked at. */
  async expectZeros(): Promise<void> {
    const scratch = new Uint8Array(BUFFER_BYTES);
    for (;;) {
      const read = await this.#read(scratch);
      if (read === null) return;
      if (scratch.subarray(0, read).some((byte) => byte !== 0)) throw damaged("it goes on behind its end");
    }
  }

  async #read(target: Uint8Array): Promise<number | null> {
    if (this.#rest.length === 0) {
      const read = await this.#source.read(this.#buffer);
      if (read === null) return null;
      this.#rest = this.#buffer.subarray(0, read);
    }
    const count = Math.min(this.#rest.length, target.length);
    target.set(this.#rest.subarray(0, count));
    this.#rest = this.#rest.subarray(count);
    return count;
  }
}

/** A name from the archive, for messages. */
export function printable(name: string): string {
  // deno-lint-ignore no-control-regex -- a terminal would obey them
  return name.slice(0, 100).replaceAll(/[\x00-\x1f\x7f-\x9f]/g, "?");
}

/** How messages about a dump file begin. */
export const DUMP_FILE = "The dump file";

/** An error about the dump file. */
export function damaged(why: string, cause?: unknown): IntegrityError {
  return new IntegrityError(`${DUMP_FILE} is damaged, or none of DaCHS: ${why}; get another copy of it`, { cause });
}
