/**
 * The blocks of an xz stream. A block is compressed with LZMA2, whose chunks tell their lengths, so its end is found
 * without decompressing. Layout: "The .xz File Format", section 3, and liblzma's `lzma2_decoder.c` for the chunks.
 */
import { crc32 } from "node:zlib";
import { SourceError } from "../../base/errors.ts";
import { leadingZeros } from "../judge.ts";
import { type Cursor, littleEndian, type Reading } from "../walk.ts";

/** What the index says about a block. */
export interface Block {
  /** Bytes from its header to its check, without the padding between them. */
  readonly unpaddedBytes: number;
  /** Length of the decompressed content. */
  readonly contentBytes: number;
}

const CRC_BYTES = 4;
const ALIGNMENT_BYTES = 4;
const MAX_VARIABLE_BYTES = 9;
const FLAG = { filters: 0x03, reserved: 0x3c, compressedSize: 0x40, contentSize: 0x80 };
const LZMA2 = 0x21;
/** Delta, and the filters for machine code (BCJ). They change no lengths. */
const OTHER_FILTERS = { first: 0x03, last: 0x0b };
/** First bytes of LZMA2 chunks. From `lzma` on, some of the bits are part of the content's length. */
const CHUNK = { end: 0, copyAfterReset: 1, copy: 2, lzma: 0x80, lzmaWithProperties: 0xc0, lzmaAfterReset: 0xe0 };

/** Passes a block. `size` is its first byte, `checkBytes` the length of the check over its content. */
export function* walkBlock(cursor: Cursor, size: number, checkBytes: number): Reading<Block> {
  const offset = cursor.position - 1;
  const what = "a block header";
  const headerBytes = (size + 1) * ALIGNMENT_BYTES;
  const header = new Uint8Array(headerBytes);
  header[0] = size;
  header.set(yield { take: headerBytes - 1, what }, 1);
  const told = readHeader(header, offset);
  const dataStart = cursor.position;
  const contentBytes = yield* walkChunks(cursor);
  const dataBytes = cursor.position - dataStart;
  if ((told.dataBytes ?? dataBytes) !== dataBytes || (told.contentBytes ?? contentBytes) !== contentBytes) {
    throw new SourceError(`the header of the block at byte ${offset} gives other lengths than the block has`);
  }
  const padding = yield { take: (ALIGNMENT_BYTES - dataBytes % ALIGNMENT_BYTES) % ALIGNMENT_BYTES, what: "padding" };
  if (leadingZeros(padding) < padding.length) {
    throw new SourceError(`the block at byte ${offset} has malformed padding`);
  }
  yield { pass: checkBytes, what: "a block's check" };
  return { unpaddedBytes: headerBytes + dataBytes + checkBytes, contentBytes };
}

/** The lengths in a block's header, if it gives them. */
interface ToldLengths {
  readonly dataBytes: number | undefined;
  readonly contentBytes: number | undefined;
}

function readHeader(header: Uint8Array, offset: number): ToldLengths {
  const fields = header.subarray(0, -CRC_BYTES);
  if (littleEndian(header, fields.length, CRC_BYTES) !== crc32(fields)) {
    throw new SourceError(`the header of the block at byte ${offset} has a wrong checksum`);
  }
  let position = 2;
  const variable = () => {
    const { value, end } = readVariable(fields, position);
    position = end;
    return value;
  };
  const flags = fields[1]!;
  const dataBytes = flags & FLAG.compressedSize ? variable() : undefined;
  const contentBytes = flags & FLAG.contentSize ? variable() : undefined;
  let known = (flags & FLAG.reserved) === 0;
  for (let left = flags & FLAG.filters; left >= 0; left--) {
    const filter = variable();
    known &&= left === 0 ? filter === LZMA2 : filter >= OTHER_FILTERS.first && filter <= OTHER_FILTERS.last;
    const propertiesBytes = variable();
    position += propertiesBytes;
  }
  if (!known) throw new SourceError(`the block at byte ${offset} uses filters that no guard knows; use --guard none`);
  if (position > fields.length || leadingZeros(fields.subarray(position)) < fields.length - position) {
    throw new SourceError(`the header of the block at byte ${offset} is malformed`);
  }
  return { dataBytes, contentBytes };
}

/** Passes the chunks of LZMA2. Returns the length of their content. */
function* walkChunks(cursor: Cursor): Reading<number> {
  const what = "compressed data";
  let contentBytes = 0;
  for (let first = true;; first = false) {
    const control = (yield { take: 1, what })[0]!;
    if (control === CHUNK.end) return contentBytes;
    const resets = control === CHUNK.copyAfterReset || control >= CHUNK.lzmaAfterReset;
    const isKnown = control <= CHUNK.copy || control >= CHUNK.lzma;
    if (!isKnown || (first && !resets)) {
      throw new SourceError(`the compressed data is malformed at byte ${cursor.position - 1}`);
    }
    if (control < CHUNK.lzma) {
      const length = 1 + bigEndian16(yield { take: 2, what }, 0);
      contentBytes += length;
      yield { pass: length, what };
    } else {
      const lengths = yield { take: 4, what };
      contentBytes += 1 + (control & 0x1f) * 2 ** 16 + bigEndian16(lengths, 0);
      yield { pass: 1 + bigEndian16(lengths, 2) + (control >= CHUNK.lzmaWithProperties ? 1 : 0), what };
    }
  }
}

/** Whether an integer of variable length is complete with the last of `bytes`, or has reached its greatest length. */
export function isVariableEnd(bytes: ArrayLike<number>): boolean {
  return bytes[bytes.length - 1]! < 0x80 || bytes.length === MAX_VARIABLE_BYTES;
}

/**
 * The integer of variable length that begins at `start`: seven bits a byte, lowest first. Throws `SourceError` if it is
 * malformed.
 */
export function readVariable(bytes: Uint8Array, start: number): { value: number; end: number } {
  let value = 0;
  for (let i = 0; i < MAX_VARIABLE_BYTES && start + i < bytes.length; i++) {
    const byte = bytes[start + i]!;
    value += (byte & 0x7f) * 2 ** (7 * i);
    if (byte >= 0x80) continue;
    if ((byte === 0 && i > 0) || !Number.isSafeInteger(value)) break;
    return { value, end: start + i + 1 };
  }
  throw new SourceError("a length in a header or an index is malformed");
}

function bigEndian16(bytes: Uint8Array, offset: number): number {
  return bytes[offset]! * 256 + bytes[offset + 1]!;
}
