/**
 * SQL text dumps. A stream is whole if every dump in it has its own trailer, and no program reported an error in
 * between. A stream that begins like no other format is read as text to its end, since a header may come late.
 */
import type { GuardFormat, Verdict } from "../guard.ts";
import type { Judge } from "../judge.ts";
import { latin1 } from "../judge.ts";
import { Tail } from "../window.ts";
import type { SqlDialect } from "./dialects.ts";
import { quoted } from "./quoted.ts";
import type { PieceSink } from "../tables/piece.ts";
import type { SqlEvent, SqlEventSink } from "./scan_events.ts";
import { type Section, SectionTracker } from "./sections.ts";
import { SqlScanner } from "./sql_scanner.ts";
import { TablePieces } from "./table_pieces.ts";
import { type Utf16Order, utf16OrderOf, Utf16Reader } from "./utf16.ts";

/** Enough for the last line and a generous number of blank lines after it. */
const TAIL_BYTES = 4096;
const BYTE_ORDER_MARK_BYTES = 2;

/**
 * Dialects that may occur together: on many systems mysqldump and mariadb-dump are one tool, and a pg_dumpall of the roles
 * may accompany a pg_dump of each database.
 */
const FAMILIES: readonly (readonly SqlDialect[])[] = [["mysqldump", "mariadb-dump"], ["pg_dump", "pg_dumpall"], [
  "sqlite",
]];
/** The other name under which the same dialect may be requested. */
const TWINS: Readonly<Partial<Record<SqlDialect, SqlDialect>>> = {
  mysqldump: "mariadb-dump",
  "mariadb-dump": "mysqldump",
};

/** Whether a format is one of the SQL dialects. */
export function isSqlDialect(format: GuardFormat): format is SqlDialect {
  return FAMILIES.flat().some((name) => name === format);
}

/** Judges one stream: by what it turns out to be, or as a dump of the dialect that the user requires. */
export class SqlJudge implements Judge {
  readonly #wanted: SqlDialect | null;
  readonly #tracker: SectionTracker;
  readonly #scanner: SqlScanner;
  readonly #tail = new Tail(TAIL_BYTES);
  readonly #mark: number[] = [];
  readonly #pieces: TablePieces | undefined;
  #utf16: Utf16Reader | null = null;
  #isBegun = false;

  /**
   * `onEvent` receives the findings along the way; for UTF-16 its offsets count characters. `pieces` receives what the
   * stream consists of.
   */
  constructor(wanted: SqlDialect | null, onEvent: SqlEventSink = () => {}, pieces?: PieceSink) {
    this.#wanted = wanted;
    const divided = this.#pieces = pieces && new TablePieces(pieces);
    const tell = divided === undefined ? onEvent : (event: SqlEvent) => {
      divided.event(event);
      onEvent(event);
    };
    this.#tracker = new SectionTracker(tell);
    this.#scanner = new SqlScanner(this.#tracker, tell);
  }

  push(bytes: Uint8Array): void {
    const rest = this.#isBegun ? bytes : this.#begin(bytes);
    if (this.#isBegun) this.#take(rest);
  }

  finish(): Verdict {
    this.#beginWith(this.#mark);
    const inside = this.#scanner.finish();
    this.#tracker.end();
    this.#pieces?.finish();
    return this.#tracker.sectionCount > 0 || this.#tracker.problem !== null
      ? this.#judge(inside)
      : this.#judgeWithoutSections();
  }

  dispose(): void {}

  /** Holds back a possible byte order mark. Returns the rest of `bytes`. */
  #begin(bytes: Uint8Array): Uint8Array {
    const count = Math.min(BYTE_ORDER_MARK_BYTES - this.#mark.length, bytes.length);
    this.#mark.push(...bytes.subarray(0, count));
    if (this.#mark.length === BYTE_ORDER_MARK_BYTES) this.#beginWith(this.#mark);
    return bytes.subarray(count);
  }

  #beginWith(mark: readonly number[]): void {
    if (this.#isBegun) return;
    this.#isBegun = true;
    const head = Uint8Array.from(mark);
    const order: Utf16Order | null = utf16OrderOf(head);
    if (order === null) this.#take(head);
    else {
      this.#utf16 = new Utf16Reader(order);
      this.#pieces?.giveUp("it is in UTF-16");
    }
  }

  #take(bytes: Uint8Array): void {
    if (this.#utf16 === null) return this.#takeText(bytes);
    this.#utf16.push(bytes, (characters) => this.#takeText(characters));
  }

  #takeText(text: Uint8Array): void {
    this.#tail.push(text);
    this.#scanner.push(text);
    this.#pieces?.push(text);
  }

  #judgeWithoutSections(): Verdict {
    const format = this.#wanted ?? "none";
    if (this.#wanted !== null) {
      const reason = this.#tail.seen === 0 ? "the stream is empty" : `does not begin like a ${this.#wanted} dump`;
      return { format, complete: false, reason, notes: [] };
    }
    const problem = this.#tracker.remarks.problemWithoutDumps;
    if (problem !== null) return { format, complete: false, reason: problem, notes: [] };
    return { format, complete: null, reason: "the stream is of no format a guard knows", notes: [] };
  }

  #judge(inside: string | null): Verdict {
    const problem = this.#problem(inside);
    const format = this.#format();
    if (problem !== null) return { format, complete: false, reason: problem, notes: [] };
    return { format, complete: true, reason: this.#whole(), notes: this.#tracker.remarks.notes() };
  }

  /** The names of the dialects in the order of their first sections, joined by commas. */
  #format(): string {
    const names = [...this.#tracker.dialects];
    return names.length === 0 || !this.#isWanted(names) ? this.#wanted ?? "none" : names.join(",");
  }

  #isWanted(names: readonly SqlDialect[]): boolean {
    const wanted = this.#wanted;
    if (wanted === null) return true;
    const family = FAMILIES.find((members) => members.includes(wanted))!;
    return names.every((name) => family.includes(name)) &&
      names.some((name) => name === wanted || name === TWINS[wanted]);
  }

  #problem(inside: string | null): string | null {
    const { problem, remarks, dialects, open } = this.#tracker;
    if (dialects.size > 0 && !this.#isWanted([...dialects])) {
      return `does not begin like a ${this.#wanted} dump`;
    }
    if (problem !== null) return problem;
    // The program's error explains why the dump is not closed.
    if (open !== undefined) return remarks.problem ?? this.#unclosed(open, inside);
    if (this.#utf16?.isInsideCharacter) return "ends inside a character of UTF-16";
    return remarks.problem;
  }

  #unclosed({ dialect, start, trailer }: Section, inside: string | null): string {
    const closing = trailer === "there" ? "\\unrestrict" : dialect.closing;
    const which = this.#tracker.sectionCount > 1 ? `the section that begins at byte ${start} is not closed: ` : "";
    const where = inside === null ? "" : `ends inside ${inside}: `;
    return `${which}${where}the last line is ${quoted(this.#lastLine(), "tail")}, expected "${closing}" and a line end`;
  }

  #lastLine(): string {
    return latin1(this.#tail.bytes).replace(/[ \t\r\n]+$/, "").split("\n").at(-1) ?? "";
  }

  #whole(): string {
    const { sectionCount, lastSection } = this.#tracker;
    const last = lastSection!.dialect.closing;
    if (sectionCount > 1) return `${sectionCount} dumps are whole, the last ends with "${last}"`;
    const lines = latin1(this.#tail.bytes).split(/\r?\n/);
    return `ends with "${lines.findLast((line) => line.startsWith(last)) ?? last}"`;
  }
}
