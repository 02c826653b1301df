/**
 * A dump in plain text on its way into psql, which takes lines that begin with a backslash as commands of its own: one
 * of them runs programs on this machine. A dump holds whatever its author wants, so psql is told to run none of them
 * (`\restrict KEY`) with a key that the dump cannot know. The dump's own `\restrict` and `\unrestrict` are taken out.
 * Only between its sections may it connect to the next database, as dumps of pg_dumpall do.
 */
import { Buffer } from "node:buffer";
import { concatBytes } from "../../../base/bytes.ts";
import { AgentError } from "../../../base/errors.ts";

/** The longest line that may be a command, in bytes. */
const LONGEST_COMMAND = 4096;
const LINE_END = 0x0a;

/**
 * Lines before the first statement, and between sections. For psql a comment ends at a carriage return, too, and a line
 * with a NUL goes on with the next one.
 */
const NOTHING = /^(?:--[^\r\0]*)?[ \t]*\r?\n$/;
const RESTRICT = /^\\restrict ([A-Za-z0-9]+)\r?\n$/;
/**
 * The two forms of pg_dumpall, for names of which psql understands every character literally: no backtick, no quote, no
 * variable, no connection string.
 */
const CONNECT = /^\\connect (?:[A-Za-z0-9_]+|-reuse-previous=on "dbname='[^`"'\\:\p{Cc}]+'")\r?\n$/u;

type State =
  /** Before the first statement. */
  | "head"
  /** A dump that has no `\restrict`. Everything goes to psql, which refuses commands. */
  | "raw"
  /** Between `\restrict` and `\unrestrict` of the dump. */
  | "section"
  /** Between sections, where there is no SQL. */
  | "between";

/** Makes of a dump what psql gets. */
export class PlainScript {
  readonly #key: string;
  #state: State = "head";
  #rest: Uint8Array = new Uint8Array(0);
  /** What ends the section, without the line's end. */
  #sectionEnd = "";
  #insertedLines = 0;

  /** `key`: letters and digits that nobody can guess. */
  constructor(key: string) {
    this.#key = key;
  }

  /** Takes the next bytes of the dump; returns those for psql. Throws `AgentError` if it is not of pg_dump. */
  push(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
    this.#rest = concatBytes([this.#rest, bytes]);
    const out: Uint8Array[] = [];
    while (this.#step(out));
    return concatBytes(out);
  }

  /** Takes the end of the dump; returns the last bytes for psql. */
  finish(): Uint8Array<ArrayBuffer> {
    // With its end, the last line is whole.
    const hasEnd = this.#rest.at(-1) === LINE_END;
    const last = this.push(hasEnd || this.#rest.length === 0 ? new Uint8Array(0) : Buffer.from("\n"));
    return concatBytes([last, this.#takeAll()]);
  }

  /** The line of the dump that a line of psql's input is, both from 1. */
  lineOf(line: number): number {
    return line - this.#insertedLines;
  }

  /** Moves some bytes on. Returns false if it needs more of them. */
  #step(out: Uint8Array[]): boolean {
    if (this.#rest.length === 0) return false;
    if (this.#state === "section") return this.#stepSection(out);
    if (this.#state !== "raw") return this.#stepLine(out);
    out.push(this.#takeAll());
    return false;
  }

  #stepLine(out: Uint8Array[]): boolean {
    const end = this.#rest.indexOf(LINE_END) + 1;
    if (end === 0 && this.#rest.length <= LONGEST_COMMAND) return false;
    const line = Buffer.from(end === 0 ? this.#rest : this.#rest.subarray(0, end)).toString("utf8");
    const [, key] = RESTRICT.exec(line) ?? [];
    if (key !== undefined) {
      // The end of the line is the beginning of what follows, which may be `\unrestrict` at once.
      this.#take(end - 1);
      out.push(Buffer.from(this.#state === "head" ? `\\restrict ${this.#key}` : ""));
      this.#sectionEnd = `\n\\unrestrict ${key}`;
      this.#state = "section";
    } else if (NOTHING.test(line)) {
      out.push(this.#take(end));
    } else if (end === 0 && line.startsWith("--")) {
      throw this.#strange("as a comment of great length", line);
    } else if (this.#state === "head") {
      out.push(Buffer.from(`\\restrict ${this.#key}\n`));
      this.#insertedLines = 1;
      this.#state = "raw";
    } else {
      out.push(Buffer.from(this.#connecting(line)));
      this.#take(end);
    }
    return true;
  }

  #stepSection(out: Uint8Array[]): boolean {
    const { length } = this.#sectionEnd;
    const at = Buffer.from(this.#rest.buffer, this.#rest.byteOffset, this.#rest.length).indexOf(this.#sectionEnd);
    if (at < 0) {
      const count = this.#rest.length - length;
      if (count > 0) out.push(this.#take(count));
      return false;
    }
    if (at + length === this.#rest.length) return false;
    if (/[\r\n]/.test(String.fromCharCode(this.#rest[at + length]!))) {
      out.push(this.#take(at + 1));
      this.#take(length - 1);
      this.#state = "between";
    } else out.push(this.#take(at + length));
    return true;
  }

  /** The line that connects to the next database. From there on, psql stops at errors. */
  #connecting(line: string): string {
    if (!CONNECT.test(line)) {
      throw this.#strange("between its sections", line);
    }
    const commands = [`\\unrestrict ${this.#key}`, "\\set ON_ERROR_STOP 1", line.trim(), `\\restrict ${this.#key}`];
    return `${commands.join(" \\\\ ")}\n`;
  }

  #strange(what: string, line: string): AgentError {
    const shown = JSON.stringify(line.trim().slice(0, 40));
    return new AgentError(`The dump has ${shown} ${what}, which pg_dump does not write; look at it before you load it`);
  }

  #take(count: number): Uint8Array {
    const taken = this.#rest.subarray(0, count);
    this.#rest = this.#rest.subarray(count);
    return taken;
  }

  #takeAll(): Uint8Array {
    return this.#take(this.#rest.length);
  }
}
