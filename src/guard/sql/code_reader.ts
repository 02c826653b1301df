/**
 * Reads the quoting statements of pg_dump and sqlite3, from one line start outside quotes to the next: apostrophes (and
 * backslashes in E'…'), double quotes, dollar quotes, brackets, backticks, comments. Source: PostgreSQL's manual,
 * "Lexical Structure"; SQLite's "SQL As Understood By SQLite".
 */
import { type ByteSearch, type ByteSet, byteSet, EMPTY_SET } from "./byte_search.ts";
import type { Quoting } from "./dialects.ts";

const LF = 10,
  CR = 13,
  STAR = 42,
  SLASH = 47,
  DASH = 45,
  DOLLAR = 36,
  APOSTROPHE = 39,
  DOUBLE_QUOTE = 34,
  BACKTICK = 96;
const BACKSLASH = 92, OPEN_BRACKET = 91, CLOSE_BRACKET = 93, OPEN_PARENTHESIS = 40, COMMA = 44;

const SUSPECT = byteSet("-B");
const CLOSED_BY: Readonly<Record<number, ByteSet>> = {
  [APOSTROPHE]: byteSet("'"),
  [DOUBLE_QUOTE]: byteSet('"'),
  [BACKTICK]: byteSet("`"),
  [CLOSE_BRACKET]: byteSet("]"),
};
const ESCAPED_APOSTROPHE = byteSet("'\\");
const POSTGRES_STOPS = byteSet("\n'\"-*$");
const SQLITE_STOPS = byteSet("\n'\"-*`[");
const DOLLARS = byteSet("$");
const COMMENT_MARKS = byteSet("*/");
/** PostgreSQL's names have up to 63 bytes, and so have the tags of dollar quotes. */
const MAX_TAG_BYTES = 63;
const COPY_END = "FROM stdin;";

/** The callbacks of the reader. Positions are those of the window. */
interface CodeContext {
  /**
   * Refuses the stream if a header block begins at this start of a line inside quotes. Returns false if it needs more
   * bytes.
   */
  refuseHeader(at: number, end: number): boolean;
  /** Called at the end of a COPY statement, before its rows. */
  onCopy(copy: CopyStatement): void;
}

type CodePlace = "code" | "quotes" | "dollar-quotes" | "line-comment" | "block-comment";

const NAMES: Readonly<Record<CodePlace, string | null>> = {
  "code": null,
  "line-comment": null,
  "quotes": "a quoted value",
  "dollar-quotes": "a body between dollar quotes",
  "block-comment": "a comment",
};

/** One reader for a stream. It is restarted at each line start outside quotes. */
export class CodeReader {
  readonly #search: ByteSearch;
  readonly #bytes: Uint8Array;
  readonly #context: CodeContext;
  #quoting: Quoting = "postgres";
  #place: CodePlace = "code";
  /** The byte that closes the quotes. */
  #closing = APOSTROPHE;
  /** Whether a backslash escapes inside the quotes. */
  #escapes = false;
  #tag = "";
  #commentDepth = 0;
  /** The last two bytes of code; 0 if there are none since the last quotes or comment. */
  #last = 0;
  #beforeLast = 0;
  #copy: CopyHead | null = null;
  /** Whether the reader has reached the start of a line outside quotes. */
  isAtLineStart = false;

  constructor(search: ByteSearch, context: CodeContext) {
    this.#search = search;
    this.#bytes = search.bytes;
    this.#context = context;
  }

  /** The construct that the reader is inside, for people; null outside quotes. */
  get place(): string | null {
    return NAMES[this.#place];
  }

  /** Begins at the line at `at`. `text` is the beginning of the line. */
  begin(quoting: Quoting, text: string, at: number): void {
    this.#quoting = quoting;
    this.#place = "code";
    this.#last = this.#beforeLast = 0;
    this.#copy = quoting === "postgres" && text.startsWith("COPY ") ? new CopyHead(text, at) : null;
    this.isAtLineStart = false;
  }

  /** Whether a line begins an INSERT statement with no other quotes than apostrophes after VALUES. */
  isPlainInsert(text: string): boolean {
    const head = /^INSERT INTO [^'\\\n]*?\bVALUES\b/.exec(text)?.[0];
    return head !== undefined && (head.match(/"/g)?.length ?? 0) % 2 === 0;
  }

  /**
   * Reads from `at` on, to `end` or to the start of a line outside quotes. Returns null if it needs more bytes first.
   */
  read(at: number, end: number, isLast: boolean): number | null {
    this.isAtLineStart = false;
    switch (this.#place) {
      case "code":
        return this.#readCode(at, end, isLast);
      case "line-comment":
        return this.#passComment(at, end);
      case "quotes":
        return this.#passQuotes(at, end, isLast);
      case "dollar-quotes":
        return this.#passDollarQuotes(at, end, isLast);
      case "block-comment":
        return this.#passBlockComment(at, end);
    }
  }

  #readCode(at: number, end: number, isLast: boolean): number | null {
    const stops = this.#quoting === "sqlite" ? SQLITE_STOPS : POSTGRES_STOPS;
    for (let i = at; i < end;) {
      const stop = this.#search.find(stops, EMPTY_SET, i, end);
      this.#passCode(i, stop);
      if (stop === end) return end;
      const byte = this.#bytes[stop]!;
      if (byte === LF) return this.#endLine(stop);
      const opened = this.#open(byte, stop, end, isLast);
      if (opened < 0) return stop === at ? null : stop;
      if (opened > 0) return opened;
      this.#passCode(stop, stop + 1);
      i = stop + 1;
    }
    return end;
  }

  /** Remembers the last two bytes of code that open nothing. */
  #passCode(from: number, to: number): void {
    if (this.#copy !== null) { for (let i = from; i < to; i++) this.#copy.take(this.#bytes[i]!); }
    if (to === from) return;
    this.#beforeLast = to - from > 1 ? this.#bytes[to - 2]! : this.#last;
    this.#last = this.#bytes[to - 1]!;
  }

  #endLine(feed: number): number {
    const copy = this.#copy;
    this.#copy = null;
    this.isAtLineStart = true;
    if (copy?.isComplete) this.#context.onCopy(copy);
    return feed + 1;
  }

  /**
   * Enters what a byte of code opens. Returns the position after it, 0 if it opens nothing, or -1 if more bytes are
   * needed.
   */
  #open(byte: number, at: number, end: number, isLast: boolean): number {
    switch (byte) {
      case APOSTROPHE:
        // A doubled apostrophe means one inside the quotes, which then go on as before.
        if (this.#last !== APOSTROPHE) this.#escapes = this.#quoting === "postgres" && this.#isEscapeMark();
        return this.#openQuotes(APOSTROPHE, at);
      case DOUBLE_QUOTE:
        this.#escapes = false;
        return this.#openQuotes(DOUBLE_QUOTE, at);
      case BACKTICK:
      case OPEN_BRACKET:
        this.#escapes = false;
        return this.#openQuotes(byte === BACKTICK ? BACKTICK : CLOSE_BRACKET, at);
      case DASH:
        return this.#last === DASH ? this.#enter("line-comment", at) : 0;
      case STAR:
        if (this.#last !== SLASH) return 0;
        this.#commentDepth = 1;
        return this.#enter("block-comment", at);
      case DOLLAR:
        return this.#quoting === "postgres" && !isNameByte(this.#last) ? this.#openDollarQuotes(at, end, isLast) : 0;
      default:
        return 0;
    }
  }

  #openQuotes(closing: number, at: number): number {
    this.#closing = closing;
    return this.#enter("quotes", at);
  }

  #enter(place: CodePlace, at: number): number {
    this.#place = place;
    this.#last = this.#beforeLast = 0;
    return at + 1;
  }

  /** Whether a separate E stands right before the apostrophe. */
  #isEscapeMark(): boolean {
    return (this.#last === 0x45 || this.#last === 0x65) && !isNameByte(this.#beforeLast);
  }

  #openDollarQuotes(at: number, end: number, isLast: boolean): number {
    const head = this.#search.text(at, Math.min(end, at + MAX_TAG_BYTES + 2));
    const tag = /^\$(?:[A-Za-z_\x80-\xff][A-Za-z0-9_\x80-\xff]*)?\$/.exec(head)?.[0];
    if (tag !== undefined) {
      this.#tag = tag;
      return this.#enter("dollar-quotes", at + tag.length - 1);
    }
    const isCutShort = !isLast && head.length < MAX_TAG_BYTES + 2 && /^\$[A-Za-z0-9_\x80-\xff]*$/.test(head);
    return isCutShort ? -1 : 0;
  }

  #passComment(at: number, end: number): number {
    const feed = this.#search.findByte(LF, at, end);
    if (feed === end) return end;
    this.#place = "code";
    return this.#endLine(feed);
  }

  #passQuotes(at: number, end: number, isLast: boolean): number | null {
    const closing = this.#closing;
    const set = this.#escapes ? ESCAPED_APOSTROPHE : CLOSED_BY[closing]!;
    const stop = this.#search.find(set, SUSPECT, at, end);
    if (stop === end) return end;
    const byte = this.#bytes[stop]!;
    if (byte === closing) {
      this.#place = "code";
      this.#last = closing;
      this.#beforeLast = 0;
      return stop + 1;
    }
    if (byte === BACKSLASH && this.#escapes) {
      if (stop + 1 < end) return stop + 2;
      return isLast ? end : stop === at ? null : stop;
    }
    return this.#passLineStart(stop, at, end);
  }

  #passDollarQuotes(at: number, end: number, isLast: boolean): number | null {
    const stop = this.#search.find(DOLLARS, SUSPECT, at, end);
    if (stop === end) return end;
    if (this.#bytes[stop] !== DOLLAR) return this.#passLineStart(stop, at, end);
    const behind = stop + this.#tag.length;
    if (behind > end && !isLast) return stop === at ? null : stop;
    if (this.#search.text(stop, Math.min(behind, end)) !== this.#tag) return stop + 1;
    this.#place = "code";
    return behind;
  }

  #passBlockComment(at: number, end: number): number | null {
    const stop = this.#search.find(COMMENT_MARKS, SUSPECT, at, end);
    if (stop === end) {
      this.#last = 0;
      return end;
    }
    const byte = this.#bytes[stop]!;
    if (byte !== STAR && byte !== SLASH) return this.#passLineStart(stop, at, end);
    const previous = stop > at ? this.#bytes[stop - 1]! : this.#last;
    this.#last = byte;
    if (byte === SLASH && previous === STAR) {
      // A byte of one mark does not count for the next.
      this.#last = 0;
      if (--this.#commentDepth === 0) this.#place = "code";
    } else if (byte === STAR && previous === SLASH && this.#quoting === "postgres") {
      this.#commentDepth++;
      this.#last = 0;
    }
    return stop + 1;
  }

  /** Handles a line start inside quotes that may begin a header. */
  #passLineStart(stop: number, at: number, end: number): number | null {
    return this.#context.refuseHeader(stop, end) ? stop + 1 : stop === at ? null : stop;
  }
}

/** A COPY statement, which the rows of a table follow. */
interface CopyStatement {
  /** The beginning of its first line. */
  readonly text: string;
  /** Where it begins. */
  readonly start: number;
  /** How many tabs each row has; null if the statement names no columns. */
  readonly tabs: number | null;
}

/** A COPY statement while it is read. Quoted names may contain anything, so only bytes outside quotes count. */
class CopyHead implements CopyStatement {
  readonly text: string;
  readonly start: number;
  tabs: number | null = null;
  #end = "";

  constructor(text: string, start: number) {
    this.text = text;
    this.start = start;
  }

  /** Takes the next byte outside quotes. */
  take(byte: number): void {
    if (byte === OPEN_PARENTHESIS) this.tabs ??= 0;
    if (byte === COMMA && this.tabs !== null) this.tabs++;
    if (byte !== CR) this.#end = (this.#end + String.fromCharCode(byte)).slice(-COPY_END.length);
  }

  /** Whether rows follow. */
  get isComplete(): boolean {
    return this.#end === COPY_END;
  }
}

function isNameByte(byte: number): boolean {
  return (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a) ||
    byte === 0x5f || byte >= 0x80;
}
