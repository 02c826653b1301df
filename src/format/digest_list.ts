/**
 * The list of digests of a files backup: one line for each regular file, in walk order (`comparePaths`).
 *
 * A line is `<md5> <sha256> <path>`. A digest that is not known is `-`. The path goes below the root of the source,
 * without a leading slash, byte for byte. If it has a backslash, a line feed or a carriage return, they are written
 * `\\`, `\n` and `\r`, and the line begins with a backslash, as md5sum does it.
 */
import { concatBytes } from "../base/bytes.ts";
import { lowerHexDigit } from "../base/hex.ts";
import { byteStringOf, comparePaths } from "./byte_string.ts";
import { damaged } from "./damage.ts";

/** What is known of the content of a file: digests in lower-case hex, or null. */
export interface FileDigests {
  /** MD5 of the content. */
  readonly md5: string | null;
  /** SHA-256 of the content. */
  readonly sha256: string | null;
}

/** One line of a list. */
export interface DigestLine extends FileDigests {
  /** The file, below the root of the source, as a byte string. */
  readonly path: string;
}

const EMPTY = new Uint8Array(0);
const UNKNOWN = "-";
const ESCAPED = /[\\\n\r]/;
const ESCAPES: Readonly<Record<string, string>> = { "\\": "\\\\", "\n": "\\n", "\r": "\\r" };

/** A line of a list that was read. Its digests are made when they are asked for: most lines are only passed on. */
export class StoredDigestLine implements DigestLine {
  readonly path: string;
  /** The line as it stands in the list, as a byte string with its line feed. */
  readonly text: string;

  /** `DigestListDecoder` makes it from a line that it has checked. */
  constructor(path: string, text: string) {
    this.path = path;
    this.text = text;
  }

  get md5(): string | null {
    return this.#digests[0]!;
  }

  get sha256(): string | null {
    return this.#digests[1]!;
  }

  get #digests(): (string | null)[] {
    const start = this.text.charCodeAt(0) === BACKSLASH ? 1 : 0;
    return this.text.slice(start).split(" ", 2).map((digest) => digest === UNKNOWN ? null : digest);
  }
}

/** A line as a byte string, with its line feed. Many of them are made into bytes at once. */
export function digestLineText({ path, md5, sha256 }: DigestLine): string {
  const escaped = escapedPath(path);
  return `${escaped === path ? "" : "\\"}${md5 ?? UNKNOWN} ${sha256 ?? UNKNOWN} ${escaped}\n`;
}

/** The longest line: far longer than any path that a system permits. */
export const MOST_LINE_BYTES = 1024 * 1024;
const LINE_FEED = 0x0a;
/** So many lines are taken apart before they are needed. */
const LINES_AT_ONCE = 256;

/** Takes a list apart that comes in pieces. Memory: one line. */
export class DigestListDecoder {
  readonly #what: string;
  readonly #order: LineOrder;
  #rest: Uint8Array<ArrayBuffer> = new Uint8Array(0);

  /** `what` names the list in errors. */
  constructor(what: string) {
    this.#what = what;
    this.#order = new LineOrder(what);
  }

  /**
   * The lines that end in the next piece, some hundred at a time. The piece is not needed any more once this returns; the
   * lines are taken apart when they are asked for. Throws `IntegrityError` for anything but lines in order.
   */
  push(piece: Uint8Array): Iterable<StoredDigestLine[]> {
    const whole = this.wholeLines(piece);
    return whole.length === 0 ? [] : this.#linesIn(byteStringOf(whole));
  }

  /** The bytes of the lines that end in the next piece, which are not looked at. They are the caller's own. */
  wholeLines(piece: Uint8Array): Uint8Array {
    const end = piece.lastIndexOf(LINE_FEED) + 1;
    const whole = concatBytes([this.#rest, piece.subarray(0, end)]);
    this.#rest = end === 0 ? concatBytes([whole, piece]) : concatBytes([piece.subarray(end)]);
    if (this.#rest.length > MOST_LINE_BYTES) throw damaged(this.#what, "a line is too long");
    return end === 0 ? EMPTY : whole;
  }

  *#linesIn(text: string): Generator<StoredDigestLine[]> {
    for (let start = 0; start < text.length;) {
      const lines: StoredDigestLine[] = [];
      while (start < text.length && lines.length < LINES_AT_ONCE) {
        const end = text.indexOf("\n", start) + 1;
        if (end - start > MOST_LINE_BYTES) throw damaged(this.#what, "a line is too long");
        lines.push(this.#order.take(parseLine(text.slice(start, end), this.#what)));
        start = end;
      }
      yield lines;
    }
  }

  /** Takes the end. Throws `IntegrityError` if the last line is not whole. */
  end(): void {
    if (this.#rest.length > 0) throw damaged(this.#what, "its last line is not whole");
  }
}

/** Holds that the lines of a list are in order. */
export class LineOrder {
  readonly #what: string;
  #last: string | undefined;

  /** `what` names the list in errors. */
  constructor(what: string) {
    this.#what = what;
  }

  /** Takes the next line, and returns it. Throws `IntegrityError` if it does not come after the last one. */
  take(line: StoredDigestLine): StoredDigestLine {
    if (this.#last !== undefined && comparePaths(this.#last, line.path) >= 0) {
      throw damaged(this.#what, `its lines are not in order at ${JSON.stringify(line.path)}`);
    }
    this.#last = line.path;
    return line;
  }

  /** Goes on behind lines that are known to be in order, the last of which has this path. */
  passOver(path: string): void {
    this.#last = path;
  }
}

const BACKSLASH = 0x5c;
const DASH = 0x2d;
const SPACE = 0x20;
/** Digits of digests in hex. */
export const MD5_DIGITS = 32;
/** See `MD5_DIGITS`. */
export const SHA256_DIGITS = 64;
const UNESCAPED: Readonly<Record<string, string>> = { "\\\\": "\\", "\\n": "\n", "\\r": "\r" };

/** Takes a line with its line feed apart. Throws an `IntegrityError` that names `what`. */
export function parseLine(line: string, what: string): StoredDigestLine {
  const start = line.charCodeAt(0) === BACKSLASH ? 1 : 0;
  const md5End = digestEnd(line, start, MD5_DIGITS);
  const sha256End = digestEnd(line, md5End + 1, SHA256_DIGITS);
  if (md5End < 0 || sha256End < 0 || line.length <= sha256End + 2) throw damaged(what, "not a line of digests");
  const text = line.slice(sha256End + 1, -1);
  const path = start === 0 ? text : unescape(text);
  if (path === null || (start > 0) !== ESCAPED.test(path)) throw damaged(what, "a path is not escaped as it should");
  return new StoredDigestLine(path, line);
}

/** The position of the space behind a digest in lower-case hex, or behind a dash; -1 if it is neither. */
function digestEnd(line: string, start: number, digits: number): number {
  const end = start + (line.charCodeAt(start) === DASH ? 1 : digits);
  if (line.charCodeAt(end) !== SPACE) return -1;
  if (end - start === 1) return end;
  for (let i = start; i < end; i++) {
    if (lowerHexDigit(line.charCodeAt(i)) < 0) return -1;
  }
  return end;
}

/** Null for an escape that does not exist. */
function unescape(text: string): string | null {
  let isValid = true;
  const path = text.replace(/\\.?/gs, (escape) => {
    const character = UNESCAPED[escape];
    isValid &&= character !== undefined;
    return character ?? "";
  });
  return isValid ? path : null;
}

/** A path as md5sum writes it. If it differs from the path, the line begins with a backslash. */
export function escapedPath(path: string): string {
  return ESCAPED.test(path) ? path.replace(/[\\\n\r]/g, (character) => ESCAPES[character]!) : path;
}
