/** The frame format of zstd (RFC 8878, section 3.1.1), as far as frames must be told apart and described. */
import { IntegrityError } from "../base/errors.ts";

/** Magic number, descriptor and window descriptor: the header of a frame that tells nothing else. */
const BARE_HEADER_BYTES = 6;
/** Where the descriptor lies. */
const DESCRIPTOR_AT = 4;
const MAGIC = 0xfd2fb528;
/** The descriptor's two highest bits say how the content size is written: 1 = two bytes plus 256, 2 = four bytes. */
const SIZE_IN_2_BYTES = 0x40;
const SIZE_IN_4_BYTES = 0x80;
const IS_SINGLE_SEGMENT = 0x20;
const HAS_CHECKSUM = 0x04;
const LEAST_2_BYTE_SIZE = 256;
const MOST_2_BYTE_SIZE = 65535 + 256;

/** How many bytes writing the content size of a frame takes. */
export function contentSizeBytes(contentLength: number): 2 | 4 {
  return contentLength >= LEAST_2_BYTE_SIZE && contentLength <= MOST_2_BYTE_SIZE ? 2 : 4;
}

/**
 * Adds the content size to a frame with a bare header, which begins `contentSizeBytes(contentLength)` bytes after `offset`:
 * afterwards it begins at `offset`. A decoder then knows how much memory to set aside. Returns whether the header was bare;
 * otherwise nothing was changed.
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

/** Where the frame that begins at `offset` ends. Throws `IntegrityError` where it is cut off. */
export function frameEnd(bytes: Uint8Array, offset: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset + offset, bytes.length - offset);
  if (view.byteLength < BARE_HEADER_BYTES || view.getUint32(0, true) !== MAGIC) {
    throw new IntegrityError(`No zstd frame begins at byte ${offset}; the data is damaged`);
  }
  const descriptor = view.getUint8(DESCRIPTOR_AT);
  let at = offset + headerBytes(descriptor);
  let isLast = false;
  while (!isLast) {
    if (at + 3 > bytes.length) throw truncated();
    const block = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16);
    const isRunLength = ((block >> 1) & 3) === 1;
    isLast = (block & 1) === 1;
    at += 3 + (isRunLength ? 1 : block >> 3);
  }
  at += (descriptor & HAS_CHECKSUM) === 0 ? 0 : 4;
  if (at > bytes.length) throw truncated();
  return at;
}

/** Length of a frame's header, by its descriptor: magic, descriptor, window, dictionary and content size. */
function headerBytes(descriptor: number): number {
  const isSingleSegment = (descriptor & IS_SINGLE_SEGMENT) !== 0;
  const windowBytes = isSingleSegment ? 0 : 1;
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3]!;
  const sizeBytes = [isSingleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6]!;
  return DESCRIPTOR_AT + 1 + windowBytes + dictionaryBytes + sizeBytes;
}

function truncated(): IntegrityError {
  return new IntegrityError("A zstd frame is cut off; the data is damaged");
}
