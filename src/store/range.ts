/** Applies byte ranges to a file's length, the same way for every store. */
import { invariant, ShortFileError, TooLargeError } from "../base/errors.ts";
import type { ByteRange } from "./store.ts";

/** Throws `BugError` unless offset and length are whole numbers and not negative. */
export function checkRange(range: ByteRange): void {
  const { offset, length = 0 } = range;
  invariant(
    Number.isSafeInteger(offset) && offset >= 0 && Number.isSafeInteger(length) && length >= 0,
    `Not a byte range: offset ${offset}, length ${range.length}`,
  );
}

/** How many bytes a range covers in a file of `sizeBytes`. Throws `ShortFileError` if it reaches past the end. */
export function resolvedLength(range: ByteRange, sizeBytes: number, location: string): number {
  const length = range.length ?? sizeBytes - range.offset;
  if (length < 0 || range.offset + length > sizeBytes) throw shortFileError(range, sizeBytes, location);
  return length;
}

/** Throws `TooLargeError` if a file has more bytes than the reader accepts; an undefined limit accepts any number. */
export function refuseLarger(sizeBytes: number, mostBytes: number | undefined, location: string): void {
  if (mostBytes === undefined || sizeBytes <= mostBytes) return;
  throw new TooLargeError(
    `Refusing to read "${location}": its ${sizeBytes} bytes are more than the ${mostBytes} allowed`,
  );
}

/** The error for a file that ends before the range does. */
export function shortFileError(range: ByteRange, sizeBytes: number, location: string): ShortFileError {
  const wanted = range.length === undefined
    ? `from byte ${range.offset} on`
    : `${range.length} bytes from byte ${range.offset} on`;
  return new ShortFileError(
    `Cannot read ${wanted} of "${location}": the file ends after ${sizeBytes} bytes; run a check of the repository`,
  );
}
