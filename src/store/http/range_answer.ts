/**
 * Parts of files over HTTP (RFC 9110, section 14): how to ask for them, and whether an answer is the part asked for.
 */
import { StoreError } from "../../base/errors.ts";
import { resolvedLength, shortFileError } from "../range.ts";
import type { ByteRange } from "../store.ts";
import type { HttpAnswer } from "./client.ts";

/** The `range` header for a range. Its length must not be 0: HTTP has no empty ranges. */
export function rangeHeader({ offset, length }: ByteRange): string {
  return length === undefined ? `bytes=${offset}-` : `bytes=${offset}-${offset + length - 1}`;
}

/**
 * The bytes of a range from a successful answer (200 or 206). A server may ignore the range and send the whole file.
 * Throws `StoreError` if the file is too short or the answer is for another range.
 */
export function bytesOfRange(answer: HttpAnswer, range: ByteRange, location: string): Uint8Array<ArrayBuffer> {
  if (answer.status !== 206) {
    const length = resolvedLength(range, answer.body.length, location);
    return answer.body.slice(range.offset, range.offset + length);
  }
  const part = contentRange(answer);
  if (!part || part.first !== range.offset || part.last - part.first + 1 !== answer.body.length) {
    throw otherRange(range, location);
  }
  const { length = answer.body.length } = range;
  if (answer.body.length > length) throw otherRange(range, location);
  const isWholeToTheEnd = part.sizeBytes === undefined || part.last === part.sizeBytes - 1;
  if (answer.body.length < length && isWholeToTheEnd) throw shortFileError(range, part.last + 1, location);
  if (answer.body.length < length || (range.length === undefined && !isWholeToTheEnd)) {
    throw otherRange(range, location);
  }
  return answer.body;
}

/**
 * The file's length from an answer with status 416 (the range starts behind the end); undefined if the answer does not
 * tell it.
 */
export function sizeOfUnsatisfied(answer: HttpAnswer): number | undefined {
  const match = /^bytes \*\/(\d+)$/.exec(answer.headers.get("content-range") ?? "");
  return match ? safeInteger(match[1]!) : undefined;
}

interface ContentRange {
  readonly first: number;
  readonly last: number;
  readonly sizeBytes: number | undefined;
}

function contentRange(answer: HttpAnswer): ContentRange | undefined {
  const match = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(answer.headers.get("content-range") ?? "");
  if (!match) return undefined;
  const [first, last] = [safeInteger(match[1]!), safeInteger(match[2]!)];
  if (first === undefined || last === undefined) return undefined;
  return { first, last, sizeBytes: match[3] === "*" ? undefined : safeInteger(match[3]!) };
}

function safeInteger(digits: string): number | undefined {
  const number = Number(digits);
  return Number.isSafeInteger(number) ? number : undefined;
}

function otherRange(range: ByteRange, location: string): StoreError {
  return new StoreError(
    `Cannot read "${location}": asked for ${rangeHeader(range)}, the server sent something else; check the server`,
  );
}
