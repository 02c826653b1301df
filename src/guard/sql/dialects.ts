/**
 * How the dumps of each tool begin, end and quote. A dump within a stream is a section: from its header line to its
 * trailer. With `--skip-comments` or `--compact`, `mysqldump` writes neither, and its dumps are not recognised.
 */

/** The tools whose text dumps are recognised. */
export type SqlDialect = "mysqldump" | "mariadb-dump" | "pg_dump" | "pg_dumpall" | "sqlite";

/**
 * How the text of a section quotes. `mysql`: line ends within values are escaped, so every line start is outside data,
 * except in bodies between DELIMITER lines. `postgres` and `sqlite`: quotes may span lines.
 */
export type Quoting = "mysql" | "postgres" | "sqlite";

/** How the dumps of a tool look. */
export interface Dialect {
  readonly name: SqlDialect;
  readonly quoting: Quoting;
  /** The line that begins a section. */
  readonly header: RegExp;
  /** The line that ends a section, and its beginning for messages. */
  readonly trailer: RegExp;
  readonly closing: string;
  /** A line that must follow the trailer. */
  readonly afterTrailer?: string;
}

/** `--skip-dump-date` omits the date. The hour is padded with a space. */
const MYSQL_TRAILER = /^-- Dump completed(?: on \d{4}-\d\d?-\d\d? [ \d]\d:\d\d:\d\d)?$/;

export const DIALECTS: readonly Dialect[] = [
  {
    name: "mysqldump",
    quoting: "mysql",
    header: /^-- MySQL dump \d/,
    trailer: MYSQL_TRAILER,
    closing: "-- Dump completed",
  },
  {
    name: "mariadb-dump",
    quoting: "mysql",
    header: /^-- MariaDB dump \d/,
    trailer: MYSQL_TRAILER,
    closing: "-- Dump completed",
  },
  {
    name: "pg_dump",
    quoting: "postgres",
    header: /^-- PostgreSQL database dump$/,
    trailer: /^-- PostgreSQL database dump complete$/,
    closing: "-- PostgreSQL database dump complete",
    afterTrailer: "--",
  },
  {
    name: "pg_dumpall",
    quoting: "postgres",
    header: /^-- PostgreSQL database cluster dump$/,
    trailer: /^-- PostgreSQL database cluster dump complete$/,
    closing: "-- PostgreSQL database cluster dump complete",
    afterTrailer: "--",
  },
  {
    name: "sqlite",
    quoting: "sqlite",
    header: /^BEGIN TRANSACTION;$/,
    trailer: /^COMMIT;$/,
    closing: "COMMIT;",
  },
];

/** The line before the header of a SQLite dump. Without it, the header does not count. */
export const SQLITE_OPENING = "PRAGMA foreign_keys=OFF;";
/** The line before the header of a MariaDB dump, in older and newer versions. */
export const SANDBOX_LINE = /^\/\*M?!999999\\- enable the sandbox mode \*\/ ?$/;

/** The lines after the header of `mysqldump` and its relatives: `--`, this line, and a rule of dashes. */
export const MYSQL_HOST_LINE = /^-- Host: .*Database: /;
export const MYSQL_RULE_LINE = /^-- -{20,}$/;

/**
 * Whole blocks of header lines. Data may quote a single line of them; a whole block inside data means that a dump was
 * cut.
 */
const HEADER_BLOCKS: readonly RegExp[] = [
  /^-- (?:MySQL|MariaDB) dump \d[^\n]*\n--\n-- Host: /,
  /^-- Host: [^\n]*Database: [^\n]*\n-- -{20,}\n-- Server version/,
  /^-- PostgreSQL database (?:cluster )?dump\n--\n\n/,
  /^BEGIN TRANSACTION;\n(?:CREATE TABLE|INSERT INTO|PRAGMA writable_schema=ON;)/,
];

/** How a header block begins. Text with any other beginning is not one. */
export const HEADER_BLOCK_BEGINNINGS = ["-- M", "-- H", "-- P", "BEGI"];

/**
 * Whether `text`, from the start of a line, begins with a block of lines that only a header has. Line ends must be LF.
 */
export function isHeaderBlock(text: string): boolean {
  return HEADER_BLOCKS.some((block) => block.test(text));
}

/** The beginnings of streams of dumps. */
const BEGINNINGS = [
  "-- MySQL dump 10",
  "-- MariaDB dump 10",
  "-- PostgreSQL database dump",
  "-- PostgreSQL database cluster dump",
  "/*M!999999\\- enable the sandbox mode */",
  "/*!999999\\- enable the sandbox mode */",
  SQLITE_OPENING,
];
/** The beginning of a dump that directly follows a cut one. */
const NEXT_BEGINNING = /-- (?:MySQL|MariaDB) dump \d|\/\*M?!999999\\- |PRAGMA foreign_keys=OFF;$|--$/;
/** A shorter piece of a header proves nothing, and nothing is lost with it. */
const LEAST_FRAGMENT = 4;

/** Whether a line is only the beginning of a header. */
export function isHeaderFragment(line: string): boolean {
  return line.length >= LEAST_FRAGMENT && BEGINNINGS.some((text) => text !== line && text.startsWith(line));
}

/** Whether a line is the beginning of a cut header with the beginning of another dump right after it. */
export function isHeaderCutByAnother(line: string): boolean {
  const head = line.slice(0, LEAST_FRAGMENT);
  if (!BEGINNINGS.some((text) => text.startsWith(head))) return false;
  const next = line.slice(LEAST_FRAGMENT).search(NEXT_BEGINNING);
  if (next < 0) return false;
  const fragment = line.slice(0, LEAST_FRAGMENT + next);
  return BEGINNINGS.some((text) => text.startsWith(fragment)) ||
    DIALECTS.some(({ name, header }) => name !== "sqlite" && header.test(fragment));
}

/** Whether a line may be a very short piece of the header that should follow the first line of a dump. */
export function isShortFragment(line: string): boolean {
  return /^-{0,2} ?M?$/.test(line);
}

/** Whether another dump begins right after such a short piece. */
export function isShortFragmentCutByAnother(line: string): boolean {
  return /^-{1,2} ?(?:-- M|--$|\/\*M?!999999|PRAGMA )/.test(line);
}

/** Lines that only occur inside a dump. After a trailer they show that the dump went on. */
const DUMP_CONTENT =
  /^(?:INSERT INTO|REPLACE INTO|CREATE TABLE|ALTER TABLE|LOCK TABLES|DROP TABLE|-- Table structure for table|-- Dumping data for table|-- (?:Data for )?Name: .*; Type: |COPY .* FROM stdin;$)/;

/** Whether a line looks like part of a dump. */
export function isDumpContent(line: string): boolean {
  return DUMP_CONTENT.test(line);
}
