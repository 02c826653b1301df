/**
 * The list of digests of a files backup: one line for each regular file, in walk order (`comparePaths`).
 *
 * A line is `<md5> <sha256> <path>`. A digest that is not known is `-`. The path goes below the root of the source,
 * without a leading slash, byte for byte. If it has a backslash, a line feed or a carriage return, they are written
 * `\\`, `\n` and `\r`, and the line begins with a backslash, as md5sum does it.
 */
import { concatBytes } from "../base/bytes.ts";
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

const UNKNOWN = "-";
const ESCAPED = /[\\\n\r]/;
const ESCAPES: Readonly<Record<string, string>> = { "\\": "\\\\", "\n": "\\n", "\r": "\\r" };

/** A line as a byte string, with its line feed. Many of them are made into bytes at once. */
export function digestLineText({ path, md5, sha256 }: DigestLine): string {
  const escaped = escapedPath(path);
  return `${escaped === path ? "" : "\\"}${md5 ?? UNKNOWN} ${sha256 ?? UNKNOWN} ${escaped}\n`;
}

/** A line without its path's text: far longer than any path that a system permits. */
const MOST_LINE_BYTES = 1024 * 1024;
const LINE_FEED = 0x0a;

/** Takes a list apart that comes in pieces. Memory: one line. */
export class DigestListDecoder {
  readonly #what: string;
  #rest: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  #last: string | undefined;

  /** `what` names the list in errors. */
  constructor(what: string) {
    this.#what = what;
  }

  /** The lines that end in the next piece. Throws `IntegrityError` for anything but lines in order. */
  *push(piece: Uint8Array): Generator<DigestLine> {
    let start = 0;
    for (let end = piece.indexOf(LINE_FEED); end >= 0; end = piece.indexOf(LINE_FEED, start)) {
      const own = piece.subarray(start, end);
      const line = this.#rest.length === 0 ? own : concatBytes([this.#rest, own]);
      if (line.length > MOST_LINE_BYTES) throw damaged(this.#what, "a line is too long");
      this.#rest = new Uint8Array(0);
      start = end + 1;
      yield this.#inOrder(parseLine(line, this.#what));
    }
    this.#rest = concatBytes([this.#rest, piece.subarray(start)]);
    if (this.#rest.length > MOST_LINE_BYTES) throw damaged(this.#what, "a line is too long");
  }

  /** Takes the end. Throws `IntegrityError` if the last line is not whole. */
  end(): void {
    if (this.#rest.length > 0) throw damaged(this.#what, "its last line is not whole");
  }

  #inOrder(line: DigestLine): DigestLine {
    if (this.#last !== undefined && comparePaths(this.#last, line.path) >= 0) {
      throw damaged(this.#what, `its lines are not in order at ${JSON.stringify(line.path)}`);
    }
    this.#last = line.path;
    return line;
  }
}

const LINE = /^(\\?)(-|[0-9a-f]{32}) (-|[0-9a-f]{64}) (.+)$/s;
const UNESCAPED: Readonly<Record<string, string>> = { "\\\\": "\\", "\\n": "\n", "\\r": "\r" };

function parseLine(bytes: Uint8Array, what: string): DigestLine {
  const match = LINE.exec(byteStringOf(bytes));
  if (match === null) throw damaged(what, "not a line of digests");
  const [, mark, md5, sha256, text] = match as unknown as [string, string, string, string, string];
  const path = mark === "" ? text : unescape(text);
  if (path === null || (mark !== "") !== ESCAPED.test(path)) throw damaged(what, "a path is not escaped as it should");
  return { path, md5: known(md5), sha256: known(sha256) };
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

function known(digest: string): string | null {
  return digest === UNKNOWN ? null : digest;
}

/** A path as md5sum writes it. If it differs from the path, the line begins with a backslash. */
export function escapedPath(path: string): string {
  return ESCAPED.test(path) ? path.replace(/[\\\n\r]/g, (character) => ESCAPES[character]!) : path;
}
