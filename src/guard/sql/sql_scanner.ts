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
import { MESSAGE_BEGINNINGS } from "./producer_messages.ts";
import type { SqlEventSink } from "./scan_events.ts";
import type { SectionTracker, Syntax } from "./sections.ts";

/** So much of a line tells what it is; a header block in data is looked at over as many bytes. */
const HEAD_BYTES = 1024;
/** What is copied at a time fits a processor's nearer caches, and leaves room for what was carried over. */
const PIECE_BYTES = 65_536;
/** A longer line of a COPY block is a row, whatever it begins with. */
const MAX_HEADER_BYTES = 1024;

const LF = 10, CR = 13, DASH = 45, DOT = 46, BACKSLASH = 92, LETTER_B = 66, LETTER_E = 69;

const PRINTABLE = String.fromCharCode(...Array.from({ length: 95 }, (_, i) => 32 + i));
const without = (characters: string, left: string) => [...characters].filter((c) => !left.includes(c)).join("");

/** What the lines begin with that matter in text that is no dump: headers, the lines before them, messages. */
const FOREIGN_BEGINNINGS = ["--", "/*", "PR", "BE", ...MESSAGE_BEGINNINGS];

/** The same by the first two bytes of a line, as an index of 16 bits. */
const MATTERS_IN_FOREIGN_TEXT = new Uint8Array(65_536);
for (const text of FOREIGN_BEGINNINGS) {
  const first = text.charCodeAt(0) << 8;
  if (text.length === 1) MATTERS_IN_FOREIGN_TEXT.fill(1, first, first + 256);
  else MATTERS_IN_FOREIGN_TEXT[first | text.charCodeAt(1)] = 1;
}

/** Line starts to look at. Rows of mysqldump and the inside of its statements begin with none of these. */
const STARTS = {
  any: byteSet(PRINTABLE + "\t\r\n", { beyondAscii: true }),
  mysql: byteSet(without(PRINTABLE, " ()I`0123456789'")),
  foreign: byteSet(FOREIGN_BEGINNINGS.map((text) => text[0]).join("")),
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
      refuseHeader: (at, end) => this.#refuseHeader(at, end),
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
    let start = this.#search.findLineStart(starts, at, end);
    if (starts === STARTS.foreign) {
      while (start < end && !this.#mayMatterInForeignText(start, end)) {
        start = this.#search.findLineStart(starts, start + 1, end);
      }
    }
    if (start === end) return end;
    return this.#takeLine(start, end) ?? this.#waitAt(start, at);
  }

  /** Passes what is known and waits at `start` for more bytes. */
  #waitAt(start: number, at: number): number | null {
    return start === at ? null : start;
  }

  /** Most lines of a text that is no dump are told by two bytes. */
  #mayMatterInForeignText(at: number, end: number): boolean {
    return end - at < 2 || MATTERS_IN_FOREIGN_TEXT[(this.#bytes[at]! << 8) | this.#bytes[at + 1]!] === 1;
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
    const syntax = this.#tracker.line({ text, start, next: this.#offsetOf(next), isEnded });
    return this.#goOn(syntax, text, at);
  }

  #hasByteOrderMark(at: number): boolean {
    return this.#bytes[at] === 0xef && this.#bytes[at + 1] === 0xbb && this.#bytes[at + 2] === 0xbf;
  }

  /** Chooses the place behind the start of a line; the position to go on from. */
  #goOn(syntax: Syntax, text: string, at: number): number {
    if (syntax === "foreign") {
      const isPlain = this.#tracker.sections.length === 0 && this.#tracker.hasForeignText;
      this.#place = { in: "lines", starts: isPlain ? STARTS.foreign : STARTS.any };
      return at + 1;
    }
    if (syntax === "mysql") {
      const delimiter = /^DELIMITER +(\S+)/i.exec(text)?.[1];
      this.#place = delimiter !== undefined && delimiter !== ";"
        ? { in: "body" }
        : { in: "lines", starts: STARTS.mysql };
      return at + 1;
    }
    if (text.startsWith("--") || (syntax === "postgres" && text.startsWith("\\"))) this.#place = { in: "line" };
    else if (this.#code.isPlainInsert(text)) {
      this.#search.beginRun();
      this.#place = { in: "run", statement: text.slice(0, text.indexOf("VALUES")).trim(), start: this.#offsetOf(at) };
    } else {
      this.#place = { in: "code" };
      this.#code.begin(syntax, text, at);
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
    } else if (!this.#refuseHeader(at, end)) return null;
    return at + 1;
  }

  #passRun(place: Place & { in: "run" }, at: number, end: number): number | null {
    if (this.#bytes[at - 1] === LF) {
      if (!this.#search.isInsideQuotes && !RUN_LINES.has(this.#bytes[at]!)) return this.#endRun(place, at);
      if (this.#search.isInsideQuotes && !this.#refuseHeader(at, end)) return null;
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
    const text = this.#textAt(start, end);
    if (text === null) return this.#waitAt(start, at);
    if (/^DELIMITER +; *(?:\n|$)/i.test(text)) this.#place = { in: "lines", starts: STARTS.mysql };
    else if (isHeaderBlock(text)) this.#failInside(start);
    return start + 1;
  }

  /** Refuses the stream where a header block begins at this start of a line inside data; false where more bytes are needed. */
  #refuseHeader(at: number, end: number): boolean {
    const [first, second] = [this.#bytes[at]!, at + 1 < end ? this.#bytes[at + 1]! : -1];
    const mayBe = first === DASH
      ? second === DASH || second < 0
      : first === LETTER_B && (second === LETTER_E || second < 0);
    if (!mayBe) return true;
    const text = this.#textAt(at, end);
    if (text === null) return false;
    if (isHeaderBlock(text)) this.#failInside(at);
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
