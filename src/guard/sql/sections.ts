/**
 * The sections of a stream, found by its lines outside data alone. Each header opens a section, which must close with
 * its own trailer before the next one begins or the stream ends. Text between sections is allowed; the first such text
 * is kept for a note.
 */
import {
  type Dialect,
  DIALECTS,
  isDumpContent,
  isHeaderCutByAnother,
  isHeaderFragment,
  isShortFragment,
  isShortFragmentCutByAnother,
  MYSQL_HOST_LINE,
  MYSQL_RULE_LINE,
  type Quoting,
  SANDBOX_LINE,
  type SqlDialect,
  SQLITE_OPENING,
} from "./dialects.ts";
import { landmarkAt } from "./landmarks.ts";
import { errorWithinLine, messageOfAnyProgram, messageOfDumpProgram } from "./producer_messages.ts";
import { quoted } from "./quoted.ts";
import { Remarks } from "./remarks.ts";
import type { SqlEventSink } from "./scan_events.ts";

/** A line that begins outside data. */
interface SqlLine {
  /** The line without its line end, one character for each byte. A long line is cut off; see `isEnded`. */
  readonly text: string;
  /** Offset in bytes. */
  readonly start: number;
  /** Offset of the next line; if the line is cut off, of the first byte not in `text`. */
  readonly next: number;
  /** Whether `text` holds the whole line, and a line end follows. */
  readonly isEnded: boolean;
}

/** How the text after a line must be read: as a dump of some tool, or as text outside of dumps. */
export type Syntax = Quoting | "foreign";

/** A dump within the stream. */
export interface Section {
  readonly dialect: Dialect;
  readonly start: number;
  /** `due`: the trailer was read, but not yet the line that must follow it. */
  trailer: "missing" | "due" | "there";
  /** The token of `\restrict` (CVE-2025-8714): the section ends with `\unrestrict` and the same token. */
  token: string | null;
}

/** Follows the lines of one stream. */
export class SectionTracker {
  readonly #onEvent: SqlEventSink;
  /** Open sections, outermost first: a pg_dumpall contains a pg_dump of every database. */
  readonly #open: Section[] = [];
  /** The dialects of outermost sections, in the order of their first occurrence. */
  readonly dialects = new Set<SqlDialect>();
  /** Messages and text outside of dumps. */
  readonly remarks = new Remarks();
  /** The number of outermost sections, and the last of them. */
  sectionCount = 0;
  lastSection: Section | null = null;
  #problem: string | null = null;
  #previous: SqlLine | null = null;
  /** The first line of a dump whose header must follow. */
  #opening: SqlLine | null = null;
  /** Where the next lines of a mysqldump header are expected. */
  #headerGoesOnAt: number | null = null;
  /** A host line of such a header that came without the header's first line. */
  #hostWithoutHeader: SqlLine | null = null;
  #trailerEnd = 0;

  constructor(onEvent: SqlEventSink) {
    this.#onEvent = onEvent;
  }

  /** Why the stream is not whole, or null if no problem is known yet. */
  get problem(): string | null {
    return this.#problem;
  }

  /** The innermost open section. */
  get open(): Section | undefined {
    return this.#open.at(-1);
  }

  /** Takes the next line, and tells how to read the text after it. */
  line(line: SqlLine): Syntax {
    this.#take(line);
    this.#previous = line;
    return this.open?.dialect.quoting ?? "foreign";
  }

  /** Records that the stream is not whole. The first problem counts. */
  fail(problem: string): void {
    this.#problem ??= problem;
  }

  /** Must be called at the end of the stream. */
  end(): void {
    const opening = this.#opening;
    if (opening !== null) this.#failHeaderless(opening);
  }

  #take(line: SqlLine): void {
    const { text } = line;
    if (this.open !== undefined) this.#tellLandmark(line, this.open);
    if (this.open !== undefined && text.startsWith("/*!") && !text.includes(": ")) return;
    if (this.#takesRestOfHeader(line)) return;
    if (isHeaderCutByAnother(text)) {
      return this.fail(`the header at byte ${line.start} is cut, another dump follows at once`);
    }
    const dialect = this.#headerOf(line);
    if (dialect !== undefined) return this.#openSection(dialect, line);
    if (this.#opening !== null && text.trim() !== "" && !isShortFragment(text)) this.#dropOpening(line);
    if (this.#closesSection(line)) return;
    const section = this.open;
    if (section === undefined) this.#takeForeign(line);
    else this.#takeInside(section, line);
  }

  #tellLandmark({ text, start }: SqlLine, { dialect }: Section): void {
    const landmark = landmarkAt(text, start, dialect.quoting);
    if (landmark !== null) this.#onEvent(landmark);
  }

  #headerOf(line: SqlLine): Dialect | undefined {
    const dialect = DIALECTS.find(({ header }) => header.test(line.text));
    if (dialect?.name !== "sqlite") return dialect;
    // Inside a dump, this line can only belong to another dump, even if the line before it was cut.
    const isBehindOpening = this.#isNext(line) && this.#previous!.text.endsWith(SQLITE_OPENING);
    return this.open !== undefined || isBehindOpening ? dialect : undefined;
  }

  /** Whether a line directly follows the previous one. */
  #isNext(line: SqlLine): boolean {
    return this.#previous?.next === line.start;
  }

  #openSection(dialect: Dialect, line: SqlLine): void {
    const outer = this.open;
    const isNested = outer?.dialect.name === "pg_dumpall" && dialect.name === "pg_dump" && outer.trailer === "missing";
    if (outer !== undefined && !isNested) return this.#failUnclosed(outer, line.start);
    if (this.#opening !== null && !fitsOpening(dialect, this.#opening)) this.#failHeaderless(this.#opening);
    // The line before the header belongs to it. Here it was taken as the end of the previous dump, so that one has no
    // end.
    if (dialect.quoting === "postgres" && line.start === this.#trailerEnd) {
      return this.fail(`the dump that another one follows at byte ${line.start} has no end`);
    }
    if (dialect.quoting === "mysql") this.#headerGoesOnAt = line.next;
    const start = this.#opening?.start ?? this.#blockStart(line);
    this.#opening = null;
    const section: Section = { dialect, start, trailer: "missing", token: null };
    if (!isNested) this.#count(section);
    this.#open.push(section);
    this.#onEvent({ kind: "section", dialect: dialect.name, start });
  }

  /** Where the comment begins whose first line with words this is. */
  #blockStart(line: SqlLine): number {
    return this.#isNext(line) && this.#previous!.text === "--" ? this.#previous!.start : line.start;
  }

  #count(section: Section): void {
    this.dialects.add(section.dialect.name);
    this.sectionCount++;
    this.lastSection = section;
  }

  #failUnclosed({ dialect, start, trailer }: Section, at: number): void {
    const which = `the section of ${dialect.name} that begins at byte ${start}`;
    const due = trailer === "there" ? "\\unrestrict" : dialect.closing;
    this.fail(`${which} has no "${due}" before another dump begins at byte ${at}`);
  }

  #failHeaderless({ start, text }: SqlLine): void {
    this.fail(`the dump that begins at byte ${start} with ${quoted(text, "head")} has no header`);
  }

  /**
   * Takes the lines after a header of mysqldump. If they come without their header, it was appended to a line that was
   * cut.
   */
  #takesRestOfHeader(line: SqlLine): boolean {
    const isExpected = this.#headerGoesOnAt === line.start;
    this.#headerGoesOnAt = isExpected && line.text === "--" ? line.next : null;
    if (isExpected && line.text === "--") return true;
    if (isExpected && MYSQL_HOST_LINE.test(line.text)) {
      this.#onEvent({ kind: "host", line: line.text, start: line.start });
      return true;
    }
    const host = this.#hostWithoutHeader;
    this.#hostWithoutHeader = MYSQL_HOST_LINE.test(line.text) ? line : null;
    if (host?.next !== line.start || !MYSQL_RULE_LINE.test(line.text)) return false;
    if (this.open !== undefined) this.#failUnclosed(this.open, host.start);
    else this.#openSection(DIALECTS.find(({ name }) => name === "mysqldump")!, { ...line, start: host.start });
    this.#headerGoesOnAt = null;
    return true;
  }

  /** No header follows a possible first line of a dump: then the line was not one, unless another dump begins. */
  #dropOpening(line: SqlLine): void {
    const opening = this.#opening!;
    this.#opening = null;
    this.remarks.takeText(opening);
    const isCutBegin = opening.text === SQLITE_OPENING && line.text.startsWith("B"); // of BEGIN TRANSACTION;
    const isCut = isCutBegin || isShortFragmentCutByAnother(line.text);
    if (isOpening(line) || isCut) this.#failHeaderless(opening);
  }

  /** Takes the lines that close sections: the open one, or none. */
  #closesSection(line: SqlLine): boolean {
    const section = this.open;
    const { text } = line;
    if (section === undefined || section.trailer === "there") return this.#takesStray(section, line);
    const { dialect } = section;
    if (section.trailer === "missing" && dialect.trailer.test(text)) {
      this.#onEvent({ kind: "end", start: this.#blockStart(line), isCertain: true });
      section.trailer = dialect.afterTrailer === undefined && line.isEnded ? "there" : "due";
      this.#trailerEnd = line.next;
    } else if (
      section.trailer === "due" && text === dialect.afterTrailer && line.isEnded && line.start === this.#trailerEnd
    ) {
      section.trailer = "there";
      this.#trailerEnd = line.next;
    } else return this.#takesToken(section, line);
    this.#closeIfDone(section);
    return true;
  }

  /** After a trailer, only the token may be due. Outside of sections, a trailer has no dump that it could close. */
  #takesStray(section: Section | undefined, line: SqlLine): boolean {
    if (section !== undefined) return this.#takesToken(section, line);
    const dialect = DIALECTS.find(({ trailer, name }) => name !== "sqlite" && trailer.test(line.text));
    if (dialect === undefined) return false;
    this.fail(`"${dialect.closing}" at byte ${line.start} closes a ${dialect.name} dump that has no header`);
    return true;
  }

  #takesToken(section: Section, line: SqlLine): boolean {
    const [, word, token] = /^\\(restrict|unrestrict) (\S+)$/.exec(line.text) ?? [];
    if (token === undefined || !line.isEnded || section.dialect.quoting !== "postgres") return false;
    if (word === "restrict") section.token = token;
    else if (section.token === token) section.token = null;
    else this.fail(`"\\unrestrict" at byte ${line.start} has another token than its section`);
    this.#trailerEnd = line.next;
    this.#closeIfDone(section);
    return true;
  }

  #closeIfDone(section: Section): void {
    if (section.trailer !== "there" || section.token !== null) return;
    this.#open.pop();
    this.#onEvent({ kind: "section-end", end: this.#trailerEnd });
  }

  #takeInside(section: Section, line: SqlLine): void {
    const { text, start } = line;
    const kind = messageOfDumpProgram(text);
    if (kind !== null) return this.remarks.takeMessage(kind, line);
    const error = section.dialect.quoting === "mysql" ? errorWithinLine(text) : null;
    if (error !== null) {
      return this.remarks.takeMessage("error", { text: error, start: start + text.length - error.length });
    }
    if (section.dialect.name === "sqlite" && isSqliteError(text)) {
      return this.fail(`the dump program reports an error at byte ${start}: ${quoted(text, "head")}`);
    }
    if (SWITCHES[section.dialect.quoting].test(text)) this.#onEvent({ kind: "database", line: text, start });
    else if (text.startsWith("-- ") && isObjectTitle(text)) {
      this.#onEvent({ kind: "object", title: text.slice("-- ".length), start: this.#blockStart(line) });
    }
  }

  #takeForeign(line: SqlLine): void {
    const { text, start } = line;
    if (text.trim() === "" || text === "--") return;
    // The dumps of several databases that follow each other are told apart by this line alone.
    if (SWITCHES.postgres.test(text)) this.#onEvent({ kind: "database", line: text, start });
    if (isOpening(line)) {
      this.#opening = line;
      return;
    }
    const kind = messageOfAnyProgram(text);
    if (kind !== null) return this.remarks.takeMessage(kind, line);
    if (this.sectionCount > 0 && isDumpContent(text)) {
      return this.fail(`goes on at byte ${start} behind its closing line: ${quoted(text, "head")}`);
    }
    if (this.sectionCount > 0 && isBinary(text)) {
      return this.fail(`what follows the dump at byte ${start} is not text, and no guard can judge it`);
    }
    this.remarks.takeText(line);
  }
}

/** The lines that switch to a database, by how dumps quote. */
const SWITCHES: Readonly<Record<Quoting, RegExp>> = { mysql: /^USE [`"]/, postgres: /^\\connect /, sqlite: /^(?!)/ };

/** Whether a line may be the first of a dump: the line before a header, or a piece of a header. */
function isOpening({ text }: SqlLine): boolean {
  return SANDBOX_LINE.test(text) || text === SQLITE_OPENING || isHeaderFragment(text);
}

function fitsOpening({ name }: Dialect, { text }: SqlLine): boolean {
  return text === SQLITE_OPENING ? name === "sqlite" : name === "mariadb-dump" && SANDBOX_LINE.test(text);
}

/** Control characters that occur in texts: bell, tab, line ends and similar ones, and the escape of terminals. */
const TEXT_CONTROLS = "\x07\b\t\n\v\f\r\x1b";

/** How text of one byte a character looks if it follows text in UTF-16 (`utf16.ts`). */
const BEYOND_LATIN1 = "\xff".repeat(16);

/** Whether a line is not text. Zeros alone are padding. */
function isBinary(text: string): boolean {
  if (text.includes(BEYOND_LATIN1)) return true;
  const controls = [...text].filter((character) => character < " " && !TEXT_CONTROLS.includes(character));
  return controls.length > 0 && (controls.length < text.length || controls.some((character) => character !== "\0"));
}

/** What sqlite3 writes if it cannot read the database, and at the end instead of COMMIT. */
function isSqliteError(text: string): boolean {
  return /^\/\*{4,} (?:ERROR: |CORRUPTION ERROR)/.test(text) || text.startsWith("ROLLBACK;");
}

/** Whether the line is a comment by which mysqldump or pg_dump names an object. */
function isObjectTitle(text: string): boolean {
  return /^-- (?:(?:Temporary table|Temporary view|Table|Sequence|Final view|View) structure for |Dumping (?:data|routines|events) for |Data for Name: |Name: |Current Database: )/
    .test(text);
}
