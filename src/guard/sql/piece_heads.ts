/** Reads the beginnings of objects in a dump: what begins there, by the comment of mysqldump or the SQL of pg_dump. */
import type { PieceKind } from "../tables/piece.ts";
import { ownerOfStatement, type StatementOwner } from "../tables/postgres_statement.ts";
import type { Quoting } from "./dialects.ts";

/** So many bytes from its first comment line on tell what an object is. Names have at most 64 characters. */
export const PIECE_HEAD_BYTES = 2048;

/**
 * What begins here. Null if nothing does: the line only looks like the comment of an object, because a name with line
 * ends quotes one.
 */
export function ownerOfHead(head: string, quoting: Quoting): StatementOwner | null {
  if (quoting === "mysql") return mysqlOwner(head);
  const statement = /^(?:--[^\n]*\n)+\r?\n([^]*)$/.exec(head)?.[1];
  return ownerOfStatement(statement ?? "");
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
const MYSQL_OBJECT = new RegExp(
  `^(?:--\\r?\\n)?-- (${Object.keys(MYSQL_KINDS).join("|")}) ${"`((?:[^`]|``)+)`"}\\r?\\n--\\r?\\n`,
);
/** Routines and events of a whole database. */
const MYSQL_DEFINITIONS = /^(?:--\r?\n)?-- Dumping (?:routines|events) for database /;

/** Within names backticks are doubled, so that no name can quote a whole comment with another name. */
function mysqlOwner(head: string): StatementOwner | null {
  if (MYSQL_DEFINITIONS.test(head)) return { kind: "definition", name: null, of: null };
  const [, title, text] = MYSQL_OBJECT.exec(head) ?? [];
  if (title === undefined) return null;
  // In the comment, a line within a name begins as a comment, too.
  const name = text!.replaceAll("``", "`").replaceAll("\n-- ", "\n");
  return { kind: MYSQL_KINDS[title]!, name: { schema: null, name }, of: null };
}

/** The database of a USE line; null if a name only looks like one. */
export function usedDatabase(line: string): string | null {
  return /^USE `((?:[^`]|``)+)`;/.exec(line)?.[1]?.replaceAll("``", "`") ?? null;
}

/** The database in the header of a mysqldump dump; null for several. */
export function hostDatabase(line: string): string | null {
  return / {4}Database: (.+)$/.exec(line)?.[1] ?? null;
}
