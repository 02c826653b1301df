/** The frame format of zstd (RFC 8878, section 3.1.1), as far as needed to separate and describe frames. */
import { IntegrityError } from "../base/errors.ts";

/** Length of the shortest header: magic number, descriptor and window descriptor only. */
const BARE_HEADER_BYTES = 6;
/** Offset of the descriptor in the frame. */
const DESCRIPTOR_AT = 4;
/** The number at the beginning of a frame, little-endian. */
export const ZSTD_MAGIC = 0xfd2fb528;
/** The descriptor's two highest bits say how the content size is written: 1 = two bytes plus 256, 2 = four bytes. */
const SIZE_IN_2_BYTES = 0x40;
const SIZE_IN_4_BYTES = 0x80;
const IS_SINGLE_SEGMENT = 0x20;
const HAS_CHECKSUM = 0x04;
const LEAST_2_BYTE_SIZE = 256;
const MOST_2_BYTE_SIZE = 65535 + 256;

/** How many bytes the content size takes in a frame's header. */
export function contentSizeBytes(contentLength: number): 2 | 4 {
  return contentLength >= LEAST_2_BYTE_SIZE && contentLength <= MOST_2_BYTE_SIZE ? 2 : 4;
}

/**
 * Adds the content size to a frame with a bare header, so that a decoder knows how much memory to allocate. The frame
 * must begin `contentSizeBytes(contentLength)` bytes after `offset`; afterwards it begins at `offset`. Returns false,
 * and changes nothing, if the header was not bare.
 */
export function writeContentSize(frame: Uint8Array, offset: number, contentLength: number): boolean {
  const sizeBytes = contentSizeBytes(contentLength);
  if (frame[offset + sizeBytes + DESCRIPTOR_AT] !== 0) return false;
  frame.copyWithin(offset, offset + sizeBytes, offset + sizeBytes + BARE_HEADER_BYTES);
  frame[offset + DESCRIPTOR_AT] = sizeBytes === 2 ? SIZE_IN_2_BYTES : SIZE_IN_4_BYTES;
  let written = sizeBytes === 2 ? contentLength - LEAST_2_BYTE_SIZE : contentLength;
  for (let i = 0; i < sizeBytes; i++) {
    frame[offset + BARE_HEADER_BYTES + i] = written & 0xff;
    written >>>= 8;
  }
  return true;
}

/** Where the frame that begins at `offset` ends. Throws `IntegrityError` if none begins there or it is cut off. */
export function frameEnd(bytes: Uint8Array, offset: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset + offset, bytes.length - offset);
  if (view.byteLength < BARE_HEADER_BYTES || view.getUint32(0, true) !== ZSTD_MAGIC) {
    throw new IntegrityError(`No zstd frame begins at byte ${offset}; the data is damaged`);
  }
  const descriptor = view.getUint8(DESCRIPTOR_AT);
  let at = offset + frameHeaderBytes(descriptor);
  for (let isLast = false; !isLast;) {
    if (at + BLOCK_HEADER_BYTES > bytes.length) throw truncated();
    const block = readBlockHeader(bytes, at);
    isLast = block.isLast;
    at += BLOCK_HEADER_BYTES + block.contentBytes;
  }
  at += checksumBytes(descriptor);
  if (at > bytes.length) throw truncated();
  return at;
}

/** Length of a frame's header, by its descriptor: magic, descriptor, window, dictionary and content size. */
export function frameHeaderBytes(descriptor: number): number {
  const isSingleSegment = (descriptor & IS_SINGLE_SEGMENT) !== 0;
  const windowBytes = isSingleSegment ? 0 : 1;
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3]!;
  const sizeBytes = [isSingleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6]!;
  return DESCRIPTOR_AT + 1 + windowBytes + dictionaryBytes + sizeBytes;
}

/** Length of the checksum after the last block of a frame with this descriptor. */
export function checksumBytes(descriptor: number): 0 | 4 {
  return (descriptor & HAS_CHECKSUM) === 0 ? 0 : 4;
}

/** Length of a block's header. */
export const BLOCK_HEADER_BYTES = 3;

/** What a block's header says (section 3.1.1.2). */
interface BlockHeader {
  readonly isLast: boolean;
  /** Whether the block has the type that the format reserves. */
  readonly isReserved: boolean;
  /** The size field. For a block that repeats one byte, it is the number of repetitions. */
  readonly size: number;
  /** Bytes that follow the header. */
  readonly contentBytes: number;
}

/** The block header at `at`. */
export function readBlockHeader(bytes: Uint8Array, at: number): BlockHeader {
  const header = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16);
  const type = (header >> 1) & 3;
  const size = header >> 3;
  return { isLast: (header & 1) === 1, isReserved: type === 3, size, contentBytes: type === 1 ? 1 : size };
}

function truncated(): IntegrityError {
  return new IntegrityError("A zstd frame is cut off; the data is damaged");
}
