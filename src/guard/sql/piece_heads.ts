/** Reads the beginnings of objects in a dump: what begins there, by the comment of mysqldump or the SQL of pg_dump. */
import type { PieceKind } from "../tables/piece.ts";
import { ownerOfStatement, type StatementOwner } from "../tables/postgres_statement.ts";

/** So many bytes from its first comment line on tell what an object is. Names have at most 64 characters. */
export const PIECE_HEAD_BYTES = 2048;

/**
 * How a dump of mysqldump quotes names. It writes double quotes in the modes of other systems, as `--compatible=ansi`.
 */
export type NameQuote = "`" | '"';

/** How names are quoted in the comment of an object of mysqldump; null if no such comment begins here. */
export function nameQuoteOf(head: string): NameQuote | null {
  return (["`", '"'] as const).find((quote) => MYSQL_OBJECTS[quote].test(head)) ?? null;
}

/** What begins here in a dump of pg_dump. */
export function postgresOwner(head: string): StatementOwner {
  // Rows of a partition that are loaded through its table have a comment of their own.
  const statement = /^(?:--[^\n]*\n)+\r?\n(?:-- load via partition root [^\n]*\n\s*)?([^]*)$/.exec(head)?.[1];
  return ownerOfStatement(statement ?? "");
}

/** Whether rows begin here whose dump was made with `--disable-triggers`. */
export function switchesTriggersOff(head: string): boolean {
  return /^(?:--[^\n]*\n)+\r?\n(?:SET SESSION AUTHORIZATION [^\n]+\n\s*)?ALTER TABLE [^\n]+ DISABLE TRIGGER ALL;/
    .test(head);
}

const MYSQL_KINDS: Readonly<Record<string, PieceKind>> = {
  "Table structure for table": "structure",
  "Dumping data for table": "data",
  "Temporary table structure for view": "view",
  "Temporary view structure for view": "view",
  "View structure for view": "view",
  "Final view structure for view": "view",
  "Sequence structure for": "sequence",
  "Current Database:": "database",
};
const MYSQL_OBJECTS: Readonly<Record<NameQuote, RegExp>> = { "`": mysqlObject("`"), '"': mysqlObject('"') };
/** Routines and events of a whole database. */
const MYSQL_DEFINITIONS = /^(?:--\r?\n)?-- Dumping (?:routines|events) for database /;

function mysqlObject(quote: NameQuote): RegExp {
  const name = `${quote}((?:[^${quote}]|${quote}${quote})+)${quote}`;
  return new RegExp(`^(?:--\\r?\\n)?-- (${Object.keys(MYSQL_KINDS).join("|")}) ${name}\\r?\\n--\\r?\\n`);
}

/**
 * What begins here in a dump of mysqldump. Null if nothing does: the line only looks like the comment of an object,
 * because a name with line ends quotes one. Within names the quotes of the dump are doubled, so that no name can quote
 * a whole comment with another name.
 */
export function mysqlOwner(head: string, quote: NameQuote): StatementOwner | null {
  if (MYSQL_DEFINITIONS.test(head)) return { kind: "definition", name: null, of: null };
  const [, title, text] = MYSQL_OBJECTS[quote].exec(head) ?? [];
  if (title === undefined) return null;
  // In the comment, a line within a name begins as a comment, too.
  const name = text!.replaceAll(quote + quote, quote).replaceAll("\n-- ", "\n");
  return { kind: MYSQL_KINDS[title]!, name: { schema: null, name }, of: null };
}

/** The database of a USE line; null if a name only looks like one. */
export function usedDatabase(line: string, quote: NameQuote): string | null {
  const name = (quote === "`" ? /^USE `((?:[^`]|``)+)`;/ : /^USE "((?:[^"]|"")+)";/).exec(line)?.[1];
  return name?.replaceAll(quote + quote, quote) ?? null;
}

/** The database in the header of a mysqldump dump; null for several. */
export function hostDatabase(line: string): string | null {
  return / {4}Database: (.+)$/.exec(line)?.[1] ?? null;
}
