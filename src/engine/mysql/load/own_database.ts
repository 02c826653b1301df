/**
 * Dumps of one database leave its name to whoever loads them, but for one statement: where a routine or a trigger was
 * made while the database had another character set, `ALTER DATABASE` with its name goes before and behind it. Here it
 * gets about the database that the dump is loaded into, and leaves others alone.
 */
import { Buffer } from "node:buffer";
import { concatBytes } from "../../../base/bytes.ts";

const LF = 10;
const SPACE = 32;
const ALTER = "ALTER DATABASE ";
const DELIMITER = "DELIMITER ";
/** Without a name, the statement is about the current database. */
const NAMED = /^ALTER DATABASE ((?:`(?:[^`]|``)+`|"(?:[^"]|"")+"))(?= CHARACTER SET )/;
/** Longer than any line that matters. */
const MOST_LINE_BYTES = 1024;

/** Reads one dump along, and takes the names away. The length of the dump stays what it is. */
export class OwnDatabaseLines {
  /** The beginning of a line that may matter, whose rest has not come yet. */
  #held: Uint8Array = new Uint8Array(0);
  #isAtLineStart = true;
  /** Whether the position is in the body of a routine, which may quote anything. */
  #isInBody = false;

  /** Takes the next bytes, which stay as they are. Returns those that can be passed on. */
  push(bytes: Uint8Array): Uint8Array {
    const text = this.#held.length === 0 ? bytes : concatBytes([this.#held, bytes]);
    if (text.length === 0) return text;
    const buffer = Buffer.from(text.buffer, text.byteOffset, text.length);
    const blanks: [number, number][] = [];
    let passed = text.length;
    for (const at of startsThatMatter(buffer, this.#isAtLineStart)) {
      const end = buffer.indexOf(LF, at);
      const head = buffer.toString("latin1", at, Math.min(end < 0 ? text.length : end, at + MOST_LINE_BYTES));
      if (end < 0 && mayMatter(head)) {
        passed = at;
        break;
      }
      const name = this.#nameIn(head);
      if (name !== undefined) blanks.push([at + ALTER.length, at + ALTER.length + name.length]);
    }
    this.#held = text.slice(passed);
    this.#isAtLineStart = passed < text.length || text.at(-1) === LF;
    if (blanks.length === 0) return text.subarray(0, passed);
    const changed = text.slice(0, passed);
    for (const [from, to] of blanks) changed.fill(SPACE, from, to);
    return changed;
  }

  /** What is left at the end. */
  finish(): Uint8Array {
    const held = this.#held;
    this.#held = new Uint8Array(0);
    return held;
  }

  /** The quoted name in a line that gets lost. */
  #nameIn(line: string): string | undefined {
    const delimiter = /^DELIMITER (\S+)/.exec(line)?.[1];
    if (delimiter !== undefined) this.#isInBody = delimiter !== ";";
    return this.#isInBody ? undefined : NAMED.exec(line)?.[1];
  }
}

/** Where lines begin that may matter: those with a whole beginning, and the first and the last one. */
function* startsThatMatter(buffer: Buffer, isAtLineStart: boolean): Generator<number> {
  if (isAtLineStart) yield 0;
  const last = buffer.lastIndexOf(LF) + 1;
  const searches = [ALTER, DELIMITER].map((text) => ({ text: `\n${text}`, at: -1 }));
  for (let from = 0; from < last;) {
    for (const search of searches) {
      if (search.at < from) search.at = positionOf(search.text, buffer, from);
    }
    from = Math.min(last, ...searches.map(({ at }) => at + 1));
    if (from < buffer.length) yield from;
  }
}

function positionOf(text: string, buffer: Buffer, from: number): number {
  const at = buffer.indexOf(text, from);
  return at < 0 ? Infinity : at;
}

/** Whether a line that has no end yet may be one that matters. */
function mayMatter(head: string): boolean {
  if (head.length >= MOST_LINE_BYTES) return false;
  return [ALTER, DELIMITER].some((text) => head.startsWith(text) || text.startsWith(head));
}
