/** What an SQLite database says about its tables. */
import { existsSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { AgentError, messageOf, UsageError } from "../../../base/errors.ts";
import { didYouMean } from "../../../base/text/nearest_name.ts";
import type { TableColumn, TableDefinition } from "../definition.ts";
import { fits, isCollection, parsePattern, type TableName, tableText } from "../table_name.ts";
import type { FoundTable } from "../table_server.ts";

/** The schema of a database's own tables. */
export const SCHEMA = "main";
/** How long others may hold the database, in milliseconds. */
const BUSY_MS = 5000;

/** Opens a database. Throws `AgentError` if that is not possible. */
export function openDatabase(path: string, { readOnly }: { readonly readOnly: boolean }): DatabaseSync {
  if (readOnly && !existsSync(path)) throw new AgentError(`There is no database "${path}"; see the path`);
  return attempt(path, () => {
    const database = new DatabaseSync(path, { readOnly, timeout: BUSY_MS, enableForeignKeyConstraints: false });
    database.exec("PRAGMA trusted_schema = off");
    return database;
  });
}

/** Does something with a database. What SQLite throws becomes an `AgentError`. */
export function attempt<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof AgentError) throw error;
    throw new AgentError(`The SQLite database "${path}" says: ${messageOf(error)}`, { cause: error });
  }
}

interface Relation {
  readonly name: string;
  readonly type: string;
}

/** Finds the tables that ids mean; see `TableReader.find`. */
export function findTables(database: DatabaseSync, ids: readonly string[]): FoundTable[] {
  const relations = (database.prepare("PRAGMA main.table_list").all() as unknown as Relation[])
    .filter(({ name }) => !name.startsWith("sqlite_")).sort((a, b) => a.name < b.name ? -1 : 1);
  const found = new Map<string, FoundTable>();
  for (const id of ids) {
    const pattern = parsePattern(id);
    const isOfCollection = isCollection(pattern);
    const fitting = relations.filter(({ name }) => fits({ schema: SCHEMA, name }, pattern, SCHEMA));
    const tables = fitting.filter(({ type }) => type === "table");
    if (tables.length === 0) {
      if (isOfCollection) throw new UsageError(`No table fits ${JSON.stringify(id)}; see the name`);
      const hint = didYouMean(id, relations.map(({ name }) => name)) || "; see the name";
      const what = fitting.length > 0
        ? `${JSON.stringify(id)} is a view or a virtual table`
        : `There is no table ${JSON.stringify(id)}`;
      throw new UsageError(`${what}${hint}`);
    }
    for (const { name } of tables) {
      const table = { schema: SCHEMA, name };
      if (!found.has(name)) {
        found.set(name, { ...table, id: isOfCollection ? tableText(table) : id, isPartitioned: false, isOfCollection });
      }
    }
  }
  return [...found.values()];
}

/** The columns of a table in order. */
export function columnsOf(database: DatabaseSync, { name }: TableName): TableColumn[] {
  const rows = database.prepare("SELECT name, type, hidden FROM pragma_table_xinfo(?, 'main')").all(name);
  return (rows as { name: string; type: string; hidden: number }[]).map(({ name, type, hidden }) => (
    // 2 and 3: it is generated. 1 is of virtual tables alone.
    hidden === 0 ? { name, type } : { name, type, isGenerated: true }
  ));
}

/**
 * The name of the row number of a table, and whether one of its columns is that, which then has the name; null if rows
 * have no number, or one that no name is left for.
 */
export function rowNumberOf(
  database: DatabaseSync,
  { name }: TableName,
): { readonly name: string; readonly isColumn: boolean } | null {
  const [list] = database.prepare("SELECT wr FROM pragma_table_list WHERE schema = 'main' AND name = ?").all(name);
  if (list === undefined || list.wr === 1) return null;
  const columns = database.prepare("SELECT name, type, pk FROM pragma_table_xinfo(?, 'main')").all(name) as {
    name: string;
    type: string;
    pk: number;
  }[];
  const keys = columns.filter(({ pk }) => pk > 0);
  // A key that is the row number needs no index of its own. INTEGER PRIMARY KEY DESC is none, for instance.
  const index = database.prepare("SELECT 1 FROM pragma_index_list(?, 'main') WHERE origin = 'pk'").get(name);
  if (keys.length === 1 && index === undefined) return { name: keys[0]!.name, isColumn: true };
  const free = ["rowid", "_rowid_", "oid"].find((one) => columns.every((column) => column.name.toLowerCase() !== one));
  return free === undefined ? null : { name: free, isColumn: false };
}

/** What a table is besides its rows. */
export function definitionOf(database: DatabaseSync, { name }: TableName): TableDefinition {
  const rows = database.prepare(
    "SELECT type, sql FROM main.sqlite_master WHERE tbl_name = ? COLLATE NOCASE AND sql IS NOT NULL",
  )
    .all(name) as { type: string; sql: string }[];
  const hasSequences = database.prepare("SELECT 1 FROM main.sqlite_master WHERE name = 'sqlite_sequence'").get();
  const sequences = hasSequences === undefined
    ? []
    : database.prepare("SELECT CAST(seq AS TEXT) AS last FROM main.sqlite_sequence WHERE name = ?").all(name) as {
      last: string;
    }[];
  const number = rowNumberOf(database, { schema: SCHEMA, name });
  return {
    schema: SCHEMA,
    name,
    ...number === null || number.isColumn ? {} : { rowid: number.name },
    columns: columnsOf(database, { schema: SCHEMA, name }),
    before: rows.filter(({ type }) => type === "table").map(({ sql }) => sql),
    after: rows.filter(({ type }) => type === "index" || type === "trigger").map(({ sql }) => sql),
    foreignKeys: [],
    sequences: sequences.map(({ last }) => ({ schema: SCHEMA, name, last })),
    owner: null,
    grants: [],
  };
}

/** A name as SQL has it. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
