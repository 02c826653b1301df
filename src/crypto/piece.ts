/** Parts of a buffer, by offset and length. Batches of messages are passed in this form. */
import { invariant } from "../base/errors.ts";

/** `length` bytes from byte `offset` of a buffer that is passed along with it. */
export interface Piece {
  readonly offset: number;
  readonly length: number;
}

/** Throws `BugError` unless every piece lies inside a buffer of `bytes` bytes. */
export function assertInside(pieces: readonly Piece[], bytes: number): void {
  for (const { offset, length } of pieces) {
    const inside = Number.isInteger(offset) && Number.isInteger(length) && offset >= 0 && length >= 0;
    invariant(inside && offset + length <= bytes, `Piece ${offset}+${length} lies outside of ${bytes} bytes`);
  }
}

/** The bytes of a piece, without copying. */
export function bytesOf<Buffer extends ArrayBufferLike>(bytes: Uint8Array<Buffer>, piece: Piece): Uint8Array<Buffer> {
  return bytes.subarray(piece.offset, piece.offset + piece.length);
}
