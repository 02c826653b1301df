/**
 * The statements of a dump of SQLite, one by one as its text passes. Quotes and comments as SQLite has them
 * (<https://sqlite.org/lang.html>); a trigger ends with `; END;` (<https://sqlite.org/c3ref/complete.html>).
 */
import { AgentError } from "../../base/errors.ts";

/** One statement. */
interface Statement {
  /** Its text, with what stands before it. */
  readonly sql: string;
  /** The line where it begins, from 1. */
  readonly line: number;
}

/** Each beginning of what may hide a semicolon, and its end. */
const ENDS: Readonly<Record<string, string>> = {
  "'": "'",
  '"': '"',
  "`": "`",
  "[": "]",
  "--": "\n",
  "/*": "*/",
};
/** The longest beginning of a statement that tells a trigger. */
const HEAD_CHARACTERS = 4096;
/** SQLite takes no longer statement. */
const MOST_CHARACTERS = 1_000_000_000;

/** Divides text into statements. */
export class StatementReader {
  /** The text of the statement that has begun, in parts: it may be long. */
  #parts: string[] = [];
  #length = 0;
  /** What ends the quote or comment that is open; null outside. */
  #closing: string | null = null;
  /** What may be half of a mark. */
  #held = "";
  #line = 1;

  /** Takes the next text, and gives the statements that end in it. */
  *push(text: string): Generator<Statement> {
    const piece = this.#held + text;
    this.#held = "";
    let [from, at] = [0, 0];
    while (at < piece.length) {
      if (this.#closing !== null) {
        at = this.#close(piece, at);
        continue;
      }
      const mark = this.#nextMark(piece, at);
      if (mark === null) break;
      at = mark.end;
      if (mark.text !== ";") this.#closing = ENDS[mark.text]!;
      else {
        this.#keep(piece.slice(from, at));
        from = at;
        if (!this.#isInTrigger()) yield this.#take();
      }
    }
    this.#keep(piece.slice(from, piece.length - this.#held.length));
  }

  /** Takes the end. Throws `AgentError` if a statement is not whole. */
  end(): void {
    this.#keep(this.#held);
    const rest = withoutComments(this.#parts.join(""));
    if (rest.trim() !== "" || this.#closing !== null && this.#closing !== "\n") {
      throw new AgentError(`Line ${this.#line} of the dump begins a statement that does not end`);
    }
  }

  /** Where the open quote or comment ends; the end of the piece if it does not. */
  #close(piece: string, at: number): number {
    const closing = this.#closing!;
    const found = piece.indexOf(closing, at);
    if (found < 0) {
      if (closing.length > 1 && piece.endsWith("*")) this.#held = "*";
      return piece.length;
    }
    this.#closing = null;
    return found + closing.length;
  }

  #nextMark(piece: string, at: number): { readonly text: string; readonly end: number } | null {
    const marks = /['"`[;]|--|\/\*/g;
    marks.lastIndex = at;
    const found = marks.exec(piece);
    if (found !== null) return { text: found[0], end: marks.lastIndex };
    if (/[-/]$/.test(piece)) this.#held = piece.slice(-1);
    return null;
  }

  #keep(text: string): void {
    if (text === "") return;
    this.#parts.push(text);
    this.#length += text.length;
    if (this.#length <= MOST_CHARACTERS) return;
    throw new AgentError(`Line ${this.#line} of the dump begins a statement that is longer than SQLite takes`);
  }

  /** Whether the semicolon at the end is one within a trigger. */
  #isInTrigger(): boolean {
    const head = withoutComments(this.#head()).trimStart();
    if (!/^CREATE\s+(?:TEMP\s+|TEMPORARY\s+)?TRIGGER\b/i.test(head)) return false;
    return !/;\s*END\s*;$/i.test(withoutComments(this.#parts.join("")));
  }

  #head(): string {
    let head = "";
    for (const part of this.#parts) {
      if (head.length >= HEAD_CHARACTERS) break;
      head += part.slice(0, HEAD_CHARACTERS);
    }
    return head;
  }

  #take(): Statement {
    const sql = this.#parts.join("");
    const blank = /^\s*/.exec(sql)![0];
    const statement = { sql, line: this.#line + newlinesIn(blank) };
    this.#line += newlinesIn(sql);
    [this.#parts, this.#length] = [[], 0];
    return statement;
  }
}

/** A text in which nothing but code and quotes is left. */
function withoutComments(text: string): string {
  return text.replaceAll(
    /('(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`|\[[^\]]*\])|--[^\n]*|\/\*[^]*?(?:\*\/|$)/g,
    (_, quoted) => quoted ?? " ",
  );
}

function newlinesIn(text: string): number {
  let count = 0;
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) count++;
  return count;
}
