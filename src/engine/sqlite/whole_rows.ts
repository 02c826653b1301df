/**
 * Rows of SQLite, to the last one. The iterator of `node:sqlite` in Deno ends where SQLite fails, as on a damaged page,
 * as if there were no more rows. So a last row is asked for that only comes when all others have.
 */
import type { DatabaseSync } from "node:sqlite";
import { invariant, messageOf, SourceError } from "../../base/errors.ts";
import { isOfSqlite, type SqliteValue } from "./open_database.ts";

const IS_LAST = "agent: is last";

/** What is read of a table. */
interface WholeRead {
  /** Expressions, each with a name. */
  readonly columns: readonly string[];
  readonly table: string;
  /** The expression that orders the rows; absent for the order of SQLite. */
  readonly order?: string | undefined;
}

/**
 * All rows of a table. Throws `SourceError` if SQLite cannot read it to its end. With `bigints`, every integer comes as
 * one.
 */
export function* wholeRows(
  database: DatabaseSync,
  { columns, table, order }: WholeRead,
  { bigints = false } = {},
): Generator<Record<string, SqliteValue>> {
  const ordered = order === undefined ? "" : ` ORDER BY ${order}`;
  const rows = `SELECT ${columns.join(", ")} FROM ${table}${ordered}`;
  const last = `SELECT 1${", NULL".repeat(columns.length)}`;
  const statement = database.prepare(`SELECT 0 AS "${IS_LAST}", * FROM (${rows}) UNION ALL ${last}`);
  statement.setReadBigInts(bigints);
  let isWhole = false;
  for (const row of statement.iterate() as Iterable<Record<string, SqliteValue>>) {
    invariant(!isWhole, "SQLite gave a row after the last one");
    if (Number(row[IS_LAST]) === 1) isWhole = true;
    else yield row;
  }
  if (isWhole) return;
  throw new SourceError(
    `The table ${table} cannot be read to its end: ${damageOf(database)}; restore an earlier backup of the database; ` +
      "nothing was committed",
  );
}

/** Why SQLite ended early. */
function damageOf(database: DatabaseSync): string {
  try {
    const found = String(Object.values(database.prepare("PRAGMA quick_check(1)").get() ?? {})[0]);
    return found === "ok" ? "SQLite does not say why" : `it is damaged: ${found.replaceAll("\n", " ")}`;
  } catch (error) {
    if (!isOfSqlite(error)) throw error;
    return messageOf(error);
  }
}
