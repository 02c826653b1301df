/**
 * Divides a stream of SQL dumps into pieces (`tables/piece.ts`), from the findings of the scan. Pieces leave as soon as
 * they are certain, so memory does not grow with the stream.
 */
import { latin1 } from "../judge.ts";
import type { PieceKind, PieceOwner, PieceSink } from "../tables/piece.ts";
import { connectedDatabase, ownerOfStatement, type StatementOwner } from "../tables/postgres_statement.ts";
import { Tail } from "../window.ts";
import { DIALECTS, type Quoting, type SqlDialect } from "./dialects.ts";
import {
  hostDatabase,
  mysqlOwner,
  type NameQuote,
  nameQuoteOf,
  PIECE_HEAD_BYTES,
  postgresOwner,
  switchesTriggersOff,
  usedDatabase,
} from "./piece_heads.ts";
import { quoted } from "./quoted.ts";
import type { SqlEvent } from "./scan_events.ts";

/** More than the scanner ever holds back before it tells of an object. */
const TAIL_BYTES = 8192;

/** A finding that waits for the bytes after it, or for one before it. */
interface Mark {
  readonly event: SqlEvent;
  /** The bytes from the start of an object on, as far as they are there. */
  head: string;
}

interface OpenPiece extends PieceOwner {
  readonly start: number;
}

/** What stands before the routines of a database in a dump of mysqldump. */
const BEFORE_ROUTINES: ReadonlySet<PieceKind> = new Set(["structure", "data", "sequence", "view"]);

const NOBODY: PieceOwner = { kind: "other", database: null, schema: null, name: null, of: null };

/** Divides one stream. Every event of a push must come before `push`. */
export class TablePieces {
  readonly #sink: PieceSink;
  readonly #tail = new Tail(TAIL_BYTES);
  readonly #marks: Mark[] = [];
  /** The open sections, outermost first. */
  readonly #sections: SqlDialect[] = [];
  #position = 0;
  #piece: OpenPiece = { ...NOBODY, start: 0 };
  /** The piece before one that may turn out to be a part of it. */
  #held: OpenPiece | null = null;
  #database: string | null = null;
  /** How names are quoted in the open section of mysqldump, as its first object tells; null before that. */
  #nameQuote: NameQuote | null = null;
  /** Whether the triggers of a table are off while its rows are loaded. */
  #hasTriggersOff = false;
  #hasGivenUp = false;

  constructor(sink: PieceSink) {
    this.#sink = sink;
  }

  /** Takes a finding of the scan. */
  event(event: SqlEvent): void {
    if (this.#hasGivenUp) return;
    this.#marks.push({ event, head: "" });
  }

  /** Takes the bytes in which the events since the last push were found. */
  push(bytes: Uint8Array): void {
    if (this.#hasGivenUp) return;
    this.#fillHeads(bytes);
    this.#position += bytes.length;
    this.#tail.push(bytes);
    this.#takeMarks(false);
  }

  /** Ends the stream. */
  finish(): void {
    if (this.#hasGivenUp) return;
    this.#fillHeads(new Uint8Array(0));
    this.#takeMarks(true);
    this.#begin(NOBODY, this.#position);
  }

  /** Says why the stream is not divided. */
  giveUp(problem: string | null): void {
    if (this.#hasGivenUp) return;
    this.#hasGivenUp = true;
    this.#marks.length = 0;
    this.#sink.giveUp(problem);
  }

  #fillHeads(bytes: Uint8Array): void {
    for (const mark of this.#marks) if (mark.event.kind === "object") this.#fill(mark, mark.event.start, bytes);
  }

  /** Adds to the head of an object what `bytes` and the bytes before them have of it. */
  #fill(mark: Mark, start: number, bytes: Uint8Array): void {
    const from = start + mark.head.length - this.#position;
    const end = start + PIECE_HEAD_BYTES - this.#position;
    if (from < 0) {
      const before = this.#tail.bytes;
      mark.head += latin1(before.subarray(Math.max(0, before.length + from), Math.max(0, before.length + end)));
    }
    if (end > 0) mark.head += latin1(bytes.subarray(Math.max(0, from), end));
  }

  #takeMarks(isLast: boolean): void {
    let taken = 0;
    for (const { event, head } of this.#marks) {
      if (event.kind === "object" && head.length < PIECE_HEAD_BYTES && !isLast) break;
      taken++;
      this.#take(event, head);
    }
    this.#marks.splice(0, taken);
  }

  #take(event: SqlEvent, head: string): void {
    switch (event.kind) {
      case "section":
        return this.#beginSection(event.dialect, event.start);
      case "section-end":
        this.#settle();
        this.#begin({ ...NOBODY, database: this.#database }, event.end);
        this.#sections.pop();
        return;
      case "host":
        this.#database = hostDatabase(event.line);
        return;
      case "object":
        return this.#takeObject(head, event.start);
      case "database":
        return this.#takeDatabase(event.line, event.start);
      case "end":
        return this.#takeEnd(event.start, event.isCertain);
      case "global":
        return this.#takeGlobal(event.start);
      case "data":
        return this.#takeRows(event.statement, event.start);
      case "setting":
      case "trigger":
      case "drop":
      case "create-database":
        return this.#takeLine(event);
    }
  }

  #beginSection(dialect: SqlDialect, start: number): void {
    if (dialect === "sqlite") return this.giveUp(null);
    const isInside = this.#sections.length > 0;
    this.#sections.push(dialect);
    if (!isInside && this.#piece.kind !== "database") this.#database = null;
    this.#nameQuote = null;
    // What stands around the dumps in a pg_dumpall makes and drops roles and databases: nothing that a table needs.
    if (dialect !== "pg_dumpall") this.#begin(this.#owner("head"), start);
  }

  #takeObject(head: string, start: number): void {
    const quoting = this.#quoting;
    const found = quoting === null || this.#isAround ? null : this.#ownerOf(head, quoting);
    if (found === null) return;
    const { kind, name, of } = found;
    if (kind === "definition" && quoting === "mysql") return this.#hold(this.#owner(kind), start);
    this.#decide(BEFORE_ROUTINES.has(kind) && !/^(?:--\r?\n)?-- Final /.test(head));
    if (kind === "database") this.#database = name!.name;
    this.#hasTriggersOff = kind === "data" && switchesTriggersOff(head);
    const isNameless = kind === "database" || kind === "other";
    this.#begin({ ...this.#owner(kind), ...!isNameless && name, of }, start);
  }

  /** Names come after the first comment of an object, so none of them can make it look as if it quoted otherwise. */
  #ownerOf(head: string, quoting: Quoting): StatementOwner | null {
    if (quoting !== "mysql") return postgresOwner(head);
    this.#nameQuote ??= nameQuoteOf(head);
    return mysqlOwner(head, this.#nameQuote ?? "`");
  }

  #takeDatabase(line: string, start: number): void {
    const isMysql = this.#quoting === "mysql";
    const database = isMysql ? usedDatabase(line, this.#nameQuote ?? "`") : connectedDatabase(line);
    if (database === null) {
      // Nobody knows to which database the rest belongs.
      if (!isMysql && this.#sections.length > 0) this.giveUp("a \\connect line in it is not understood");
      return;
    }
    this.#decide(false);
    this.#database = database;
    if (this.#piece.kind === "database") this.#piece = { ...this.#piece, database };
    else this.#begin(this.#owner("database"), start);
  }

  #takeEnd(start: number, isCertain: boolean): void {
    if (this.#isAround) return;
    if (this.#piece.kind !== "tail") this.#hold(this.#owner("tail"), start);
    if (isCertain) this.#settle();
  }

  /** At the head it is certain, behind that it may be a part of a name. No restore of a table changes the server. */
  #takeGlobal(start: number): void {
    const { kind } = this.#piece;
    if (kind === "head") this.#begin(this.#owner("global"), start);
    else if (kind !== "global" && kind !== "tail" && !this.#isAround) this.#hold(this.#owner("global"), start);
  }

  /** Rows that no comment led up to would be missing from their table without a word. */
  #takeRows(statement: string, start: number): void {
    if (this.#isAround || this.#piece.kind === "data") return;
    const words = ownerOfStatement(statement).name?.name ?? "a table";
    this.giveUp(`the comment before the rows of ${quoted(words, "head")} at byte ${start} is not understood`);
  }

  #takeLine(event: SqlEvent & { readonly kind: "setting" | "trigger" | "drop" | "create-database" }): void {
    if (this.#isAround) return;
    const { kind, start } = event;
    const { kind: current } = this.#piece;
    if (kind === "trigger") {
      if (current === "tail") this.#decide(false);
      const { kind: owner } = this.#piece;
      if (owner === "structure" || owner === "data") this.#begin({ ...this.#piece, kind: "trigger" }, start);
    } else if (kind === "setting") {
      const isPreamble = current === "head" || current === "database";
      // Who switches triggers off, for these rows alone.
      const isOfRows = current === "data" && this.#hasTriggersOff && event.name === "session_authorization";
      if (!isPreamble && !isOfRows) this.#begin({ ...this.#owner("setting"), name: event.name }, start);
    } else if (kind === "drop") {
      if (current === (this.#quoting === "mysql" ? "database" : "head")) this.#begin(this.#owner("global"), start);
    } else if (current === "global") {
      this.#begin(this.#owner("database"), start);
    }
  }

  /** Whether the position is outside of the dumps of single databases. */
  get #isAround(): boolean {
    return this.#sections.at(-1) === undefined || this.#sections.at(-1) === "pg_dumpall";
  }

  get #quoting(): Quoting | null {
    const dialect = this.#sections.at(-1);
    return DIALECTS.find(({ name }) => name === dialect)?.quoting ?? null;
  }

  #owner(kind: PieceKind): PieceOwner {
    return { kind, database: this.#database, schema: null, name: null, of: null };
  }

  /** Ends the current piece at `start`. */
  #begin(owner: PieceOwner, start: number): void {
    this.#settle();
    const { start: before, ...piece } = this.#piece;
    // Around dumps, the end of one divides nothing.
    if (
      owner.kind === "other" && piece.kind === "other" && owner.database === piece.database && start < this.#position
    ) {
      return;
    }
    const at = Math.max(start, before);
    if (at > before) this.#sink.piece({ ...piece, bytes: at - before });
    this.#piece = { ...owner, start: at };
  }

  /** Begins a piece that is a part of the current one if another object follows. */
  #hold(owner: PieceOwner, start: number): void {
    if (this.#held !== null) this.#settle();
    this.#held = this.#piece;
    this.#piece = { ...owner, start: Math.max(start, this.#piece.start) };
  }

  /** The current piece is what it looks like. */
  #settle(): void {
    if (this.#held === null) return;
    const { start, ...piece } = this.#held;
    this.#held = null;
    if (this.#piece.start > start) this.#sink.piece({ ...piece, bytes: this.#piece.start - start });
  }

  /**
   * Decides what the current piece is, since another object follows. Nothing follows the end of a dump, and the tables
   * of a database stand before its routines: otherwise a name with line ends only quoted their beginning.
   */
  #decide(isBeforeRoutines: boolean): void {
    if (this.#held === null) return;
    if (this.#piece.kind !== "tail" && !isBeforeRoutines) return this.#settle();
    this.#piece = this.#held;
    this.#held = null;
  }
}
