/**
 * Finds the lines of a stream that begin outside data, whatever stands in the data: quoted values, COPY blocks, the bodies
 * of routines, triggers and views, comments. What a dump's data quotes of headers and trailers is never taken for one.
 *
 * The stream is copied, a window at a time, to where `byte_search.ts` passes over data quickly. Whatever cannot be told
 * without the bytes that follow is carried over to the next window, so that cuts of the stream make no difference.
 */
import { latin1 } from "../judge.ts";
import { ByteSearch, type ByteSet, byteSet, WINDOW_BYTES, WINDOW_START } from "./byte_search.ts";
import { CodeReader } from "./code_reader.ts";
import { isHeaderBlock } from "./dialects.ts";
import type { SqlEventSink } from "./scan_events.ts";
import type { SectionTracker } from "./sections.ts";

/** So much of a line tells what it is; a header block in data is looked at over as many bytes. */
const HEAD_BYTES = 1024;
/** What is copied at a time fits a processor's nearer caches, and leaves room for what was carried over. */
const PIECE_BYTES = 65_536;
/** A longer line of a COPY block is a row, whatever it begins with. */
const MAX_HEADER_BYTES = 1024;

const LF = 10, CR = 13, DASH = 45, DOT = 46, SLASH = 47, BACKSLASH = 92, LETTER_B = 66, LETTER_E = 69;

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const PRINTABLE = String.fromCharCode(...Array.from({ length: 95 }, (_, i) => 32 + i));
const without = (characters: string, left: string) => [...characters].filter((c) => !left.includes(c)).join("");

/** With what the blocks of lines begin that only a header has (`dialects.ts`). */
const HEADER_STARTS = ["-- M", "-- P", "-- H", "BEGI"];

/** Line starts to look at. Rows of mysqldump and its INSERT statements begin with none of these. */
const STARTS = {
  any: byteSet(PRINTABLE + "\t\r\n\x1f", { beyondAscii: true }),
  mysql: byteSet(without(PRINTABLE, "(I0123456789'")),
  foreign: byteSet("-/mp" + LETTERS.slice(0, 26)),
  body: byteSet("Dd-B"),
  copy: byteSet("\\-"),
  runGoesOn: byteSet("I\t"),
};
/** The same as `STARTS.runGoesOn`, and no other bytes. */
const RUN_LINES = new Set([0x49, 0x09]);

/** What a position of the stream is in. */
type Place =
  /** Text of lines that are each looked at where they begin with a byte of a set. */
  | { readonly in: "lines"; readonly starts: ByteSet }
  /** At the start of a line that is to be looked at. */
  | { readonly in: "line-start" }
  /** The rest of a line that does not matter. */
  | { readonly in: "line" }
  /** Statements that quote. */
  | { readonly in: "code" }
  /** Rows of a COPY block, each with so many tabs. */
  | { readonly in: "copy"; readonly tabs: number | null; readonly statement: string; readonly start: number }
  /** INSERT statements. */
  | { readonly in: "run"; readonly statement: string; readonly start: number }
  /** A body of mysqldump between DELIMITER lines. */
  | { readonly in: "body" };

/** Scans one stream and hands its lines outside data to a tracker. */
export class SqlScanner {
  readonly #tracker: SectionTracker;
  readonly #onEvent: SqlEventSink;
  readonly #search = new ByteSearch();
  readonly #bytes = this.#search.bytes;
  readonly #code: CodeReader;
  #place: Place = { in: "lines", starts: STARTS.any };
  /** Bytes in the window that are carried over. */
  #carried = 0;
  /** Offset in the stream of the window's first byte. */
  #offset = 0;
  /** Whether the stream has ended, so that nothing follows what is in the window. */
  #isLast = false;

  constructor(tracker: SectionTracker, onEvent: SqlEventSink) {
    this.#tracker = tracker;
    this.#onEvent = onEvent;
    this.#code = new CodeReader(this.#search, {
      isSuspect: (at, end) => this.#isSuspect(at, end),
      onCopy: ({ text, start, tabs }) => {
        this.#place = { in: "copy", statement: text, tabs, start: this.#offsetOf(start) };
      },
    });
    this.#bytes[WINDOW_START - 1] = LF;
  }

  /** Takes the next bytes; keeps no view of them. Nothing is looked at any more once the tracker has found a problem. */
  push(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length && this.#tracker.problem === null;) {
      const count = Math.min(bytes.length - at, PIECE_BYTES, WINDOW_BYTES - this.#carried);
      this.#bytes.set(bytes.subarray(at, at + count), WINDOW_START + this.#carried);
      this.#read(this.#carried + count);
      at += count;
    }
  }

  /** Reads what is left. What the stream ends within, for people, or null where it ends outside data. */
  finish(): string | null {
    this.#isLast = true;
    if (this.#tracker.problem === null) this.#read(this.#carried);
    if (this.#place.in === "run" && !this.#search.isInsideQuotes) this.#endRun(this.#place, WINDOW_START);
    return this.#whereItEnds();
  }

  #whereItEnds(): string | null {
    switch (this.#place.in) {
      case "copy":
        return "the rows of a COPY statement";
      case "body":
        return "a body between DELIMITER lines";
      case "run":
        return this.#search.isInsideQuotes ? "a quoted value" : null;
      default:
        return this.#code.place;
    }
  }

  /** Reads the window as far as its bytes tell what they are, and carries over the rest. */
  #read(length: number): void {
    const end = WINDOW_START + length;
    let at = WINDOW_START;
    while (at < end && this.#tracker.problem === null) {
      const next = this.#step(at, end);
      if (next === null) break;
      at = next;
    }
    this.#bytes[WINDOW_START - 1] = this.#bytes[at - 1]!;
    this.#bytes.copyWithin(WINDOW_START, at, end);
    this.#carried = end - at;
    this.#offset += at - WINDOW_START;
  }

  /** Goes on from `at`; how far, or null where more bytes are needed first. */
  #step(at: number, end: number): number | null {
    const place = this.#place;
    switch (place.in) {
      case "lines":
        return this.#passLines(place.starts, at, end);
      case "line-start":
        return this.#takeLine(at, end);
      case "line":
        return this.#passLine(at, end);
      case "code":
        return this.#readCode(at, end);
      case "copy":
        return this.#passRows(place, at, end);
      case "run":
        return this.#passRun(place, at, end);
      case "body":
        return this.#passBody(at, end);
    }
  }

  #passLines(starts: ByteSet, at: number, end: number): number | null {
    const start = this.#search.findLineStart(starts, at, end);
    if (start === end) return end;
    if (starts === STARTS.foreign && !this.#mayMatterInForeignText(start, end)) return start + 1;
    return this.#takeLine(start, end) ?? this.#waitAt(start, at);
  }

  /** Passes what is known and waits at `start` for more bytes. */
  #waitAt(start: number, at: number): number | null {
    return start === at ? null : start;
  }

  /** Most lines of a text that is no dump are told by two bytes. */
  #mayMatterInForeignText(at: number, end: number): boolean {
    if (end - at < 2) return true;
    const [first, second] = [this.#bytes[at]!, this.#bytes[at + 1]!];
    switch (first) {
      case DASH:
        return second === DASH;
      case SLASH:
        return true;
      case 0x6d: // mysqldump, mariadb-dump
        return second === 0x79 || second === 0x61;
      case 0x70: // pg_dump
        return second === 0x67;
      case 0x50: // PRAGMA
        return second === 0x52 || second === 0x3a;
      case LETTER_B:
        return second === LETTER_E || second === 0x3a;
      default: // a Windows drive
        return second === 0x3a;
    }
  }

  /** Hands the line at `at` to the tracker and finds out what follows. */
  #takeLine(at: number, end: number): number | null {
    const limit = Math.min(end, at + HEAD_BYTES);
    const length = this.#bytes.subarray(at, limit).indexOf(LF);
    if (length < 0 && limit < at + HEAD_BYTES && !this.#isLast) return null;
    const isEnded = length >= 0;
    const textEnd = isEnded ? at + length - (length > 0 && this.#bytes[at + length - 1] === CR ? 1 : 0) : limit;
    const start = this.#offsetOf(at);
    const text = latin1(this.#bytes.subarray(at, textEnd)).slice(start === 0 && this.#hasByteOrderMark(at) ? 3 : 0);
    const next = isEnded ? at + length + 1 : limit;
    const reading = this.#tracker.line({ text, start, next: this.#offsetOf(next), isEnded });
    return this.#goOn(reading, text, at);
  }

  #hasByteOrderMark(at: number): boolean {
    return this.#bytes[at] === 0xef && this.#bytes[at + 1] === 0xbb && this.#bytes[at + 2] === 0xbf;
  }

  /** Chooses the place behind the start of a line; the position to go on from. */
  #goOn(reading: "mysql" | "postgres" | "sqlite" | "foreign", text: string, at: number): number {
    if (reading === "foreign") {
      const isPlain = this.#tracker.sections.length === 0 && this.#tracker.hasForeignText;
      this.#place = { in: "lines", starts: isPlain ? STARTS.foreign : STARTS.any };
      return at + 1;
    }
    if (reading === "mysql") {
      const delimiter = /^DELIMITER +(\S+)/i.exec(text)?.[1];
      this.#place = delimiter !== undefined && delimiter !== ";"
        ? { in: "body" }
        : { in: "lines", starts: STARTS.mysql };
      return at + 1;
    }
    if (text.startsWith("--") || (reading === "postgres" && text.startsWith("\\"))) this.#place = { in: "line" };
    else if (this.#code.isPlainInsert(text)) {
      this.#search.beginRun();
      this.#place = { in: "run", statement: text.slice(0, text.indexOf("VALUES")).trim(), start: this.#offsetOf(at) };
    } else {
      this.#place = { in: "code" };
      this.#code.begin(reading, text, at);
    }
    return at;
  }

  #passLine(at: number, end: number): number {
    const feed = this.#bytes.subarray(at, end).indexOf(LF);
    if (feed < 0) return end;
    this.#place = { in: "line-start" };
    return at + feed + 1;
  }

  #readCode(at: number, end: number): number | null {
    const next = this.#code.read(at, end, this.#isLast);
    if (this.#code.isAtLineStart) this.#place = this.#place.in === "copy" ? this.#place : { in: "line-start" };
    return next;
  }

  /** Passes rows up to the line that closes the block. A line without the row's tabs shows that the block was cut. */
  #passRows(place: Place & { in: "copy" }, at: number, end: number): number | null {
    const start = this.#search.findLineStart(STARTS.copy, at, end);
    if (start === end) return end;
    const left = end - start;
    if (left < 4 && !this.#isLast) return this.#waitAt(start, at);
    const [first, second, third, fourth] = this.#bytes.subarray(start, end);
    if (first === BACKSLASH) {
      const isEnd = second === DOT && (left === 2 || third === LF || (third === CR && fourth === LF));
      if (!isEnd) return start + 1;
      this.#onEvent({ kind: "data", statement: place.statement, start: place.start, end: this.#offsetOf(start) });
      this.#place = { in: "line" };
      return start;
    }
    if (second !== DASH) return start + 1;
    return this.#checkRow(place, start, end) ?? this.#waitAt(start, at);
  }

  #checkRow({ tabs }: Place & { in: "copy" }, at: number, end: number): number | null {
    const limit = Math.min(end, at + MAX_HEADER_BYTES);
    const line = this.#bytes.subarray(at, limit);
    const length = line.indexOf(LF);
    if (length < 0) return limit < end || this.#isLast ? at + 1 : null;
    const found = line.subarray(0, length).reduce((count, byte) => byte === 9 ? count + 1 : count, 0);
    if (tabs !== null && found !== tabs) {
      this.#tracker.fail(`the rows of the COPY statement are cut: the line at byte ${this.#offsetOf(at)} is none`);
    } else if (this.#isSuspect(at, end) === null) return null;
    return at + 1;
  }

  #passRun(place: Place & { in: "run" }, at: number, end: number): number | null {
    if (this.#bytes[at - 1] === LF) {
      if (!this.#search.isInsideQuotes && !RUN_LINES.has(this.#bytes[at]!)) return this.#endRun(place, at);
      if (this.#search.isInsideQuotes && this.#isSuspect(at, end) === null) return null;
    }
    const feed = this.#search.findRunEnd(STARTS.runGoesOn, at, end);
    return feed === end ? end : feed + 1;
  }

  #endRun({ statement, start }: Place & { in: "run" }, at: number): number {
    this.#onEvent({ kind: "data", statement, start, end: this.#offsetOf(at) });
    this.#place = { in: "line-start" };
    return at;
  }

  #passBody(at: number, end: number): number | null {
    const start = this.#search.findLineStart(STARTS.body, at, end);
    if (start === end) return end;
    if (!this.#mayBeDelimiter(start, end) && !this.#mayBeHeader(start, end)) return start + 1;
    const text = this.#textAt(start, end);
    if (text === null) return this.#waitAt(start, at);
    if (/^DELIMITER +; *(?:\n|$)/i.test(text)) this.#place = { in: "lines", starts: STARTS.mysql };
    else if (isHeaderBlock(text)) this.#failInside(start);
    return start + 1;
  }

  /** Looks for a header block at the start of a line inside data; null where more bytes are needed to tell. */
  #isSuspect(at: number, end: number): boolean | null {
    if (!this.#mayBeHeader(at, end)) return false;
    const text = this.#textAt(at, end);
    if (text === null) return null;
    const isHeader = isHeaderBlock(text);
    if (isHeader) this.#failInside(at);
    return isHeader;
  }

  /** Data may have any number of lines that begin with a dash: all but a few are told from a header by four bytes. */
  #mayBeHeader(at: number, end: number): boolean {
    return HEADER_STARTS.some((start) => this.#mayBegin(start, at, end));
  }

  #mayBeDelimiter(at: number, end: number): boolean {
    return ["DE", "De", "dE", "de"].some((start) => this.#mayBegin(start, at, end));
  }

  /** Whether the bytes from `at` on are those of `text`, as far as they are here. */
  #mayBegin(text: string, at: number, end: number): boolean {
    for (let i = 0; i < text.length && at + i < end; i++) {
      if (this.#bytes[at + i] !== text.charCodeAt(i)) return false;
    }
    return true;
  }

  /** The head of what follows `at`, with LF line ends; null where more bytes are needed first. */
  #textAt(at: number, end: number): string | null {
    if (end - at < HEAD_BYTES && !this.#isLast) return null;
    return latin1(this.#bytes.subarray(at, Math.min(end, at + HEAD_BYTES))).replaceAll("\r\n", "\n");
  }

  #failInside(at: number): void {
    this.#tracker.fail(`another dump begins at byte ${this.#offsetOf(at)}, inside the data of the one before`);
  }

  #offsetOf(position: number): number {
    return this.#offset + position - WINDOW_START;
  }
}
