/** Goes through the text of a list of digests line by line, or run by run where it is asked for what comes next. */
import { lowerHexDigit } from "../base/hex.ts";
import { byteStringOf } from "./byte_string.ts";
import { damaged } from "./damage.ts";
import {
  LineOrder,
  MD5_DIGITS,
  MOST_LINE_BYTES,
  parseLine,
  SHA256_DIGITS,
  type StoredDigestLine,
} from "./digest_list.ts";

const LINE_FEED = 0x0a;
const SPACE = 0x20;
const DASH = 0x2d;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const EMPTY = new Uint8Array(0);

/** Names in the text of a tree: those of files of one directory, in order. */
export interface NamesInText {
  /** The path of the directory with a slash at its end; empty for the top. */
  readonly prefix: Uint8Array;
  readonly text: Uint8Array;
  /** Where each name begins; a quote ends it. */
  readonly starts: Uint32Array;
}

/** Lines with their line feeds, and of how many files they are. */
export interface TakenLines {
  readonly bytes: Uint8Array;
  readonly files: number;
}

/** The lines of a list. Throws `IntegrityError` for anything but lines in order. */
export class DigestLines {
  readonly #what: string;
  #bytes: Uint8Array = EMPTY;
  #at = 0;
  /** The current line, if it was looked at, and where it ends. */
  #line: StoredDigestLine | undefined;
  #end = 0;
  readonly #order: LineOrder;

  /** `what` names the list in errors. */
  constructor(what: string) {
    this.#what = what;
    this.#order = new LineOrder(what);
  }

  /** Takes further bytes, which are whole lines, once there is no current line any more. */
  push(lines: Uint8Array): void {
    this.#bytes = lines;
    this.#at = 0;
  }

  /** The current line; undefined if more bytes must be pushed. */
  get current(): StoredDigestLine | undefined {
    if (this.#line !== undefined || this.#at >= this.#bytes.length) return this.#line;
    this.#end = this.#bytes.indexOf(LINE_FEED, this.#at) + 1;
    if (this.#end - this.#at > MOST_LINE_BYTES) throw damaged(this.#what, "a line is too long");
    const line = parseLine(byteStringOf(this.#bytes.subarray(this.#at, this.#end)), this.#what);
    return this.#line = this.#order.take(line);
  }

  /** Goes on to the next line. */
  goOn(): void {
    if (this.current === undefined) return;
    this.#at = this.#end;
    this.#line = undefined;
  }

  /**
   * The bytes of the lines from the current one on that are those of the files with these names, from that of the number
   * `from` on, and how many they are. The names come after all that were asked for before, so that their lines are in order.
   */
  take(names: NamesInText, from: number): TakenLines {
    const start = this.#at;
    let files = 0;
    let lastPath = start;
    for (let at = start; from + files < names.starts.length; files++) {
      const pathAt = this.#endOfDigests(at);
      const end = pathAt < 0 ? -1 : this.#endOfPath(pathAt, names, names.starts[from + files]!);
      if (end < 0) break;
      lastPath = pathAt;
      this.#at = at = end;
    }
    if (files > 0) {
      this.#line = undefined;
      this.#order.passOver(byteStringOf(this.#bytes.subarray(lastPath, this.#at - 1)));
    }
    return { bytes: this.#bytes.subarray(start, this.#at), files };
  }

  /** Where the path begins in a line that is not escaped; -1 if it is. */
  #endOfDigests(at: number): number {
    const md5End = digestEnd(this.#bytes, at, MD5_DIGITS);
    const sha256End = md5End < 0 ? -1 : digestEnd(this.#bytes, md5End + 1, SHA256_DIGITS);
    return sha256End < 0 ? -1 : sha256End + 1;
  }

  /** Where the line ends if that path follows; -1 otherwise. */
  #endOfPath(at: number, { prefix, text }: NamesInText, start: number): number {
    const bytes = this.#bytes;
    for (let i = 0; i < prefix.length; i++) if (bytes[at + i] !== prefix[i]) return -1;
    let position = at + prefix.length;
    for (let i = start; text[i] !== QUOTE; i++) {
      // A name with a backslash is not written as it is.
      if (text[i] === BACKSLASH || bytes[position++] !== text[i]) return -1;
    }
    return bytes[position] === LINE_FEED ? position + 1 : -1;
  }
}

/** The position of the space behind a digest in lower-case hex, or behind a dash; -1 if it is neither. */
function digestEnd(bytes: Uint8Array, at: number, digits: number): number {
  const isUnknown = bytes[at] === DASH;
  const end = at + (isUnknown ? 1 : digits);
  if (bytes[end] !== SPACE) return -1;
  if (isUnknown) return end;
  for (let i = at; i < end; i++) {
    if (lowerHexDigit(bytes[i]!) < 0) return -1;
  }
  return end;
}
