/**
 * Finds the lines of a stream that begin outside data: outside of quoted values, COPY blocks, the bodies of routines,
 * triggers and views, and comments. Headers and trailers quoted in a dump's data are never taken for real ones.
 *
 * The stream is copied, a window at a time, to where `byte_search.ts` skips data quickly. A decision that needs the
 * bytes that follow is left to the next window, so that the way the stream is cut makes no difference.
 */
import { ByteSearch, type ByteSet, WINDOW_BYTES, WINDOW_START } from "./byte_search.ts";
import { CodeReader } from "./code_reader.ts";
import { HEADER_BLOCK_BEGINNINGS, isHeaderBlock, type Quoting } from "./dialects.ts";
import { goesOnInserting, LINE_STARTS, mayMatter } from "./line_starts.ts";
import { quoted } from "./quoted.ts";
import type { SqlEventSink } from "./scan_events.ts";
import type { SectionTracker, Syntax } from "./sections.ts";

/** This many bytes tell what a line is. A header block in data is not longer. */
const HEAD_BYTES = 1024;
/** Bytes copied at a time. They fit a processor's nearer caches, and leave room for the bytes carried over. */
const PIECE_BYTES = 65_536;

/** This many bytes tell whether a line start within rows must be examined. */
const ROW_HEAD_BYTES = 8;

const LF = 10, CR = 13, TAB = 9, DOT = 46, BACKSLASH = 92;

/** The kind of text at a position of the stream. */
type Place =
  /** Lines that are examined if they begin with a byte of a set. */
  | { readonly in: "lines"; readonly starts: ByteSet }
  /** The start of a line outside quotes, in a dump that quotes. */
  | { readonly in: "line-start"; readonly quoting: Quoting }
  /** The rest of such a line, which does not matter. */
  | { readonly in: "line"; readonly quoting: Quoting }
  /** Statements with quotes. */
  | { readonly in: "code"; readonly quoting: Quoting }
  /** Rows of a COPY block, each with `tabs` tabs. */
  | { readonly in: "rows"; readonly tabs: number | null; readonly statement: string; readonly start: number }
  /** INSERT statements. */
  | { readonly in: "inserts"; readonly quoting: Quoting; readonly statement: string; readonly start: number }
  /** A body in a mysqldump dump, between DELIMITER lines. */
  | { readonly in: "body" };

/** Scans one stream, and passes its lines outside data to a tracker. */
export class SqlScanner {
  readonly #tracker: SectionTracker;
  readonly #onEvent: SqlEventSink;
  readonly #search = new ByteSearch();
  readonly #bytes = this.#search.bytes;
  readonly #code: CodeReader;
  #place: Place = { in: "lines", starts: LINE_STARTS.any };
  /** Number of bytes carried over in the window. */
  #carried = 0;
  /** Offset in the stream of the window's first byte. */
  #offset = 0;
  /** Whether the stream has ended, so that no bytes follow those in the window. */
  #isLast = false;

  constructor(tracker: SectionTracker, onEvent: SqlEventSink) {
    this.#tracker = tracker;
    this.#onEvent = onEvent;
    this.#code = new CodeReader(this.#search, {
      refuseHeader: (at, end) => this.#refuseHeader(at, end),
      onCopy: ({ text, start, tabs }) => {
        this.#place = { in: "rows", statement: text, tabs, start: this.#offsetOf(start) };
      },
    });
    this.#bytes[WINDOW_START - 1] = LF;
  }

  /** Takes the next bytes, and keeps no view of them. Once the tracker has found a problem, the rest is ignored. */
  push(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length && this.#tracker.problem === null;) {
      const count = Math.min(bytes.length - at, PIECE_BYTES, WINDOW_BYTES - this.#carried);
      this.#bytes.set(bytes.subarray(at, at + count), WINDOW_START + this.#carried);
      this.#read(this.#carried + count);
      at += count;
    }
  }

  /**
   * Reads the remaining bytes. Returns the construct in which the stream ends, for people, or null if it ends outside
   * data.
   */
  finish(): string | null {
    this.#isLast = true;
    if (this.#tracker.problem === null) this.#read(this.#carried);
    if (this.#place.in === "inserts" && !this.#search.isInsideQuotes) this.#endInserts(this.#place, WINDOW_START);
    return this.#whereItEnds();
  }

  #whereItEnds(): string | null {
    switch (this.#place.in) {
      case "rows":
        return "the rows of a COPY statement";
      case "body":
        return "a body between DELIMITER lines";
      case "inserts":
        return this.#search.isInsideQuotes ? "a quoted value" : null;
      default:
        return this.#code.place;
    }
  }

  /** Reads the window as far as possible, and carries over the bytes that cannot be judged yet. */
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

  /** Goes on from `at`. Returns the position reached, or null if it needs more bytes first. */
  #step(at: number, end: number): number | null {
    const place = this.#place;
    switch (place.in) {
      case "lines":
        return this.#passLines(place.starts, at, end);
      case "line-start":
        return this.#beginLine(place.quoting, at, end);
      case "line":
        return this.#passLine(place.quoting, at, end);
      case "code":
        return this.#readCode(place.quoting, at, end);
      case "rows":
        return this.#passRows(place, at, end);
      case "inserts":
        return this.#passInserts(place, at, end);
      case "body":
        return this.#passBody(at, end);
    }
  }

  #passLines(starts: ByteSet, at: number, end: number): number | null {
    const start = this.#search.findLineStart(starts, at, end);
    if (start === end) return end;
    if (starts === LINE_STARTS.foreign && !this.#mayMatter(start, end)) return start + 1;
    return this.#takeLine(start, end) ?? this.#waitAt(start, at);
  }

  /** Stops at `start` until more bytes are there. */
  #waitAt(start: number, at: number): number | null {
    return start === at ? null : start;
  }

  #mayMatter(at: number, end: number): boolean {
    return end - at < 2 || mayMatter(this.#bytes[at]!, this.#bytes[at + 1]!);
  }

  /** In a dump that quotes, each line outside quotes is read as code, even if it does not matter. */
  #beginLine(quoting: Quoting, at: number, end: number): number | null {
    if (this.#mayMatter(at, end)) return this.#takeLine(at, end);
    this.#place = { in: "code", quoting };
    this.#code.begin(quoting, "", at);
    return at;
  }

  /** Passes the line at `at` to the tracker, and finds out what follows. */
  #takeLine(at: number, end: number): number | null {
    const limit = Math.min(end, at + HEAD_BYTES);
    const feed = this.#search.findByte(LF, at, limit);
    const isEnded = feed < limit;
    if (!isEnded && limit < at + HEAD_BYTES && !this.#isLast) return null;
    const isWithReturn = isEnded && feed > at && this.#bytes[feed - 1] === CR;
    const start = this.#offsetOf(at);
    const mark = start === 0 && this.#hasByteOrderMark(at) ? 3 : 0;
    const text = this.#search.text(at + mark, isWithReturn ? feed - 1 : feed);
    const next = isEnded ? feed + 1 : limit;
    const syntax = this.#tracker.line({ text, start, next: this.#offsetOf(next), isEnded });
    return this.#goOn(syntax, text, at);
  }

  #hasByteOrderMark(at: number): boolean {
    return this.#bytes[at] === 0xef && this.#bytes[at + 1] === 0xbb && this.#bytes[at + 2] === 0xbf;
  }

  /** Chooses the place after the start of a line. Returns the position to go on from. */
  #goOn(syntax: Syntax, text: string, at: number): number {
    if (syntax === "foreign") {
      const isPlain = this.#tracker.sectionCount === 0 && this.#tracker.remarks.hasText;
      this.#place = { in: "lines", starts: isPlain ? LINE_STARTS.foreign : LINE_STARTS.any };
      return at + 1;
    }
    if (syntax === "mysql") {
      const delimiter = /^DELIMITER +(\S+)/i.exec(text)?.[1];
      const isBody = delimiter !== undefined && delimiter !== ";";
      this.#place = isBody ? { in: "body" } : { in: "lines", starts: LINE_STARTS.mysql };
      return at + 1;
    }
    this.#place = this.#placeOf(syntax, text, at);
    return at;
  }

  /** The place that a line of a dump that quotes begins. */
  #placeOf(quoting: Quoting, text: string, at: number): Place {
    if (text.startsWith("--") || (quoting === "postgres" && text.startsWith("\\"))) return { in: "line", quoting };
    if (this.#code.isPlainInsert(text)) {
      this.#search.beginRun();
      const statement = text.slice(0, text.indexOf("VALUES")).trim();
      return { in: "inserts", quoting, statement, start: this.#offsetOf(at) };
    }
    this.#code.begin(quoting, text, at);
    return { in: "code", quoting };
  }

  #passLine(quoting: Quoting, at: number, end: number): number {
    const feed = this.#search.findByte(LF, at, end);
    if (feed === end) return end;
    this.#place = { in: "line-start", quoting };
    return feed + 1;
  }

  #readCode(quoting: Quoting, at: number, end: number): number | null {
    const next = this.#code.read(at, end, this.#isLast);
    if (this.#code.isAtLineStart && this.#place.in === "code") this.#place = { in: "line-start", quoting };
    return next;
  }

  /**
   * Passes rows up to the line that closes the block. A line that looks like a header or a message and has another
   * number of tabs than a row shows that the block was cut, or that something was written into it.
   */
  #passRows(place: Place & { in: "rows" }, at: number, end: number): number | null {
    const start = this.#search.findLineStart(LINE_STARTS.rows, at, end);
    if (start === end) return end;
    const left = end - start;
    if (left < ROW_HEAD_BYTES && !this.#isLast) return this.#waitAt(start, at);
    const bytes = this.#bytes;
    if (bytes[start] !== BACKSLASH) {
      const mayBeNone = this.#mayBegin("--", start, end) || this.#mayBegin("pg_dump", start, end);
      return mayBeNone ? this.#checkRow(place, start, end) ?? this.#waitAt(start, at) : start + 1;
    }
    const isAlone = left === 2 || bytes[start + 2] === LF || (bytes[start + 2] === CR && bytes[start + 3] === LF);
    if (left < 2 || bytes[start + 1] !== DOT || !isAlone) return start + 1;
    this.#onEvent({ kind: "data", statement: place.statement, start: place.start, end: this.#offsetOf(start) });
    this.#place = { in: "line", quoting: "postgres" };
    return start;
  }

  #checkRow({ tabs }: Place & { in: "rows" }, at: number, end: number): number | null {
    const limit = Math.min(end, at + HEAD_BYTES);
    let found = 0;
    let i = at;
    for (; i < limit && this.#bytes[i] !== LF; i++) if (this.#bytes[i] === TAB) found++;
    // A line longer than any in a header is a row, whatever its beginning.
    if (i === limit) return limit === at + HEAD_BYTES || this.#isLast ? at + 1 : null;
    if (tabs === null || found === tabs) return this.#refuseHeader(at, end) ? at + 1 : null;
    const line = quoted(this.#search.text(at, i), "head");
    this.#tracker.fail(
      `the rows of a COPY statement are cut or mixed: the line at byte ${this.#offsetOf(at)} is ${line}`,
    );
    return at + 1;
  }

  #passInserts(place: Place & { in: "inserts" }, at: number, end: number): number | null {
    if (this.#bytes[at - 1] === LF) {
      if (!this.#search.isInsideQuotes && !goesOnInserting(this.#bytes[at]!)) return this.#endInserts(place, at);
      if (this.#search.isInsideQuotes && !this.#refuseHeader(at, end)) return null;
    }
    const feed = this.#search.findRunEnd(LINE_STARTS.insertsGoOn, at, end);
    return feed === end ? end : feed + 1;
  }

  #endInserts({ statement, start, quoting }: Place & { in: "inserts" }, at: number): number {
    this.#onEvent({ kind: "data", statement, start, end: this.#offsetOf(at) });
    this.#place = { in: "line-start", quoting };
    return at;
  }

  #passBody(at: number, end: number): number | null {
    const start = this.#search.findLineStart(LINE_STARTS.body, at, end);
    if (start === end) return end;
    if (!this.#mayBeDelimiter(start, end) && !this.#mayBeHeader(start, end)) return start + 1;
    const text = this.#textAt(start, end);
    if (text === null) return this.#waitAt(start, at);
    if (/^DELIMITER +; *(?:\n|$)/i.test(text)) this.#place = { in: "lines", starts: LINE_STARTS.mysql };
    else if (isHeaderBlock(text)) this.#failInside(start);
    return start + 1;
  }

  /**
   * Refuses the stream if a header block begins at this start of a line inside data. Returns false if it needs more
   * bytes.
   */
  #refuseHeader(at: number, end: number): boolean {
    if (!this.#mayBeHeader(at, end)) return true;
    const text = this.#textAt(at, end);
    if (text === null) return false;
    if (isHeaderBlock(text)) this.#failInside(at);
    return true;
  }

  /** Data may have many lines that begin with a dash; four bytes distinguish nearly all of them from a header. */
  #mayBeHeader(at: number, end: number): boolean {
    return HEADER_BLOCK_BEGINNINGS.some((start) => this.#mayBegin(start, at, end));
  }

  #mayBeDelimiter(at: number, end: number): boolean {
    return ["DE", "De", "dE", "de"].some((start) => this.#mayBegin(start, at, end));
  }

  /** Whether the available bytes from `at` on are those of `text`. */
  #mayBegin(text: string, at: number, end: number): boolean {
    for (let i = 0; i < text.length && at + i < end; i++) {
      if (this.#bytes[at + i] !== text.charCodeAt(i)) return false;
    }
    return true;
  }

  /** The text from `at` on, cut to the length that matters, with LF line ends; null if it needs more bytes first. */
  #textAt(at: number, end: number): string | null {
    if (end - at < HEAD_BYTES && !this.#isLast) return null;
    return this.#search.text(at, Math.min(end, at + HEAD_BYTES)).replaceAll("\r\n", "\n");
  }

  #failInside(at: number): void {
    this.#tracker.fail(`another dump begins at byte ${this.#offsetOf(at)}, inside the data of the one before`);
  }

  #offsetOf(position: number): number {
    return this.#offset + position - WINDOW_START;
  }
}
