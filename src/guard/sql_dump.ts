/**
 * SQL text dumps: a comment at the head names the tool, and the tool's last act is a closing line at the very end. Only
 * both ends are looked at. What `mysqldump` with `--skip-comments` or `--compact` writes has neither and is not recognised.
 */
import type { GuardFormat, Verdict } from "./guard.ts";
import { type Format, HEAD_BYTES, type Judge, latin1 } from "./judge.ts";
import { Head, Tail } from "./window.ts";

/** How a dump of one tool begins and ends. */
interface Dialect {
  readonly name: GuardFormat;
  /** How a head of this dialect begins, its line ends normalised to LF. */
  readonly head: RegExp;
  /** The closing line a person should look for. */
  readonly closing: string;
  /** Whether the last lines, without blank ones after them, close the dump that begins with `head`. */
  closes(lines: readonly string[], head: string): boolean;
}

/** Holds the closing lines and a generous number of blank ones after them. */
const TAIL_BYTES = 4096;
/** How many characters of a foreign last line a reason quotes. */
const QUOTED_CHARACTERS = 16;

/** What may stand before the header of a MySQL dump: blank lines, warnings that `2>&1` mixed in, the sandbox line. */
const MYSQL_PREAMBLE = String
  .raw`^(?:[ \t]*\n|(?:mysqldump|mariadb-dump|Warning|WARNING): ?[^\n]*\n|/\*M!\d+\\- enable the sandbox mode \*/ *\n|--\n)*`;
/** `--skip-dump-date` leaves the date out; the hour is padded with a space. */
const MYSQL_CLOSING = /^-- Dump completed(?: on \d{4}-\d\d?-\d\d? [ \d]\d:\d\d:\d\d)?$/;

const closesMysql = (lines: readonly string[]) => MYSQL_CLOSING.test(lines.at(-1) ?? "");

const DIALECTS: readonly Dialect[] = [
  {
    name: "mysqldump",
    head: new RegExp(`${MYSQL_PREAMBLE}-- MySQL dump \\d`),
    closing: "-- Dump completed",
    closes: closesMysql,
  },
  {
    name: "mariadb-dump",
    head: new RegExp(`${MYSQL_PREAMBLE}-- MariaDB dump \\d`),
    closing: "-- Dump completed",
    closes: closesMysql,
  },
  {
    name: "pg_dump",
    head: /^\n*--\n-- PostgreSQL database dump\n--\n/,
    closing: "-- PostgreSQL database dump complete",
    closes: closesPgDump,
  },
  {
    name: "pg_dumpall",
    head: /^\n*--\n-- PostgreSQL database cluster dump\n--\n/,
    closing: "-- PostgreSQL database cluster dump complete",
    closes: (lines) => endsWith(lines, ["--", "-- PostgreSQL database cluster dump complete", "--"]),
  },
  {
    name: "sqlite",
    head: /^(?:\/\*[^\n]*\*\/\n)*PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n/,
    closing: "COMMIT;",
    closes: (lines) => lines.at(-1) === "COMMIT;",
  },
];

/** Dumps that write `\restrict TOKEN` after the header close with `\unrestrict` and the same token (CVE-2025-8714). */
function closesPgDump(lines: readonly string[], head: string): boolean {
  const closing = ["--", "-- PostgreSQL database dump complete", "--"];
  const token = /^\n*--\n-- PostgreSQL database dump\n--\n+\\restrict ([^\n]+)\n/.exec(head)?.[1];
  if (token === undefined) return endsWith(lines, closing);
  return lines.at(-1) === `\\unrestrict ${token}` && endsWith(lines.slice(0, -1), closing);
}

/** Whether the last lines of `lines` that are not blank are `wanted`. */
function endsWith(lines: readonly string[], wanted: readonly string[]): boolean {
  const written = lines.filter((line) => line !== "").slice(-wanted.length);
  return written.length === wanted.length && written.every((line, i) => line === wanted[i]);
}

/** The formats of this file. `mysqldump` and `mariadb-dump` accept each other's dumps: on many systems they are one tool. */
export const sqlDumpFormats: readonly Format[] = DIALECTS.map((dialect) => ({
  name: dialect.name,
  recognises: (head) => dialect.head.test(normalised(head)),
  judge: () => new SqlDumpJudge(dialect.name),
}));

const ACCEPTED: Readonly<Partial<Record<GuardFormat, readonly GuardFormat[]>>> = {
  mysqldump: ["mysqldump", "mariadb-dump"],
  "mariadb-dump": ["mysqldump", "mariadb-dump"],
};

class SqlDumpJudge implements Judge {
  readonly #wanted: GuardFormat;
  readonly #head = new Head(HEAD_BYTES);
  readonly #tail = new Tail(TAIL_BYTES);

  constructor(wanted: GuardFormat) {
    this.#wanted = wanted;
  }

  push(bytes: Uint8Array): void {
    if (!this.#head.full) this.#head.push(bytes);
    this.#tail.push(bytes);
  }

  finish(): Verdict {
    const head = normalised(this.#head.bytes);
    const names = ACCEPTED[this.#wanted] ?? [this.#wanted];
    const dialect = DIALECTS.find(({ name, head: pattern }) => names.includes(name) && pattern.test(head));
    if (dialect !== undefined) return this.#judgeEnd(dialect, head);
    const reason = this.#tail.seen === 0 ? "the stream is empty" : `does not begin like a ${this.#wanted} dump`;
    return { format: this.#wanted, complete: false, reason, notes: [] };
  }

  dispose(): void {}

  #judgeEnd(dialect: Dialect, head: string): Verdict {
    const text = normalised(this.#tail.bytes);
    const written = text.replace(/[ \t\r\n]+$/, "");
    const lines = written.split("\n");
    const wholeLines = this.#tail.seen > TAIL_BYTES ? lines.slice(1) : lines;
    const terminated = text.startsWith("\n", written.length);
    const complete = terminated && dialect.closes(wholeLines, head);
    const reason = complete
      ? `ends with "${wholeLines.findLast((line) => line.startsWith(dialect.closing))}"`
      : `the last line is ${quoted(lines.at(-1) ?? "")}, expected "${dialect.closing}" and a line end`;
    return { format: dialect.name, complete, reason, notes: [] };
  }
}

/** Text with LF line ends and without a byte order mark; characters are bytes. */
function normalised(bytes: Uint8Array): string {
  return latin1(bytes).replaceAll("\r\n", "\n").replace(/^\xef\xbb\xbf/, "");
}

/** The end of a line for people: few characters, and nothing but printable ASCII. */
function quoted(line: string): string {
  const end = line.slice(-QUOTED_CHARACTERS);
  const escaped = end.replace(
    /[^ -~]|["\\]/g,
    (character) =>
      character === '"' || character === "\\"
        ? `\\${character}`
        : `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
  return `"${end.length < line.length ? "…" : ""}${escaped}"`;
}
