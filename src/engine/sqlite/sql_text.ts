/**
 * A database as SQL, in the form of the `.dump` of the program `sqlite3`, which loads it. Beyond that form it keeps row
 * numbers that no column shows, `user_version` and `application_id`, and text with zero bytes.
 */
import type { DatabaseSync } from "node:sqlite";
import { concatBytes } from "../../base/bytes.ts";
import { openDatabase, pragma } from "./open_database.ts";
import { wholeRows } from "./whole_rows.ts";

/** Statements are passed on in pieces of at least so many bytes. */
const PIECE_BYTES = 64 * 1024;
/** SQLite allows 1000 levels of an expression; text of more lines is written as bytes. */
const MOST_LINES = 100;

/** A row of `sqlite_schema`. */
interface SchemaEntry {
  readonly type: string;
  readonly name: string;
  readonly table: string;
  /** Null for the indexes that a table brings. */
  readonly sql: string | null;
}

/** The statements of a database file, in pieces. The file must not change meanwhile. */
export async function* sqlOf(path: string): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const database = openDatabase(path, { readOnly: true });
  try {
    let held: Uint8Array<ArrayBuffer>[] = [];
    let bytes = 0;
    for (const line of linesOf(database)) {
      held.push(line, LINE_END);
      bytes += line.length + 1;
      if (bytes < PIECE_BYTES) continue;
      yield concatBytes(held);
      [held, bytes] = [[], 0];
    }
    yield concatBytes(held);
  } finally {
    database.close();
  }
}

const LINE_END = new Uint8Array([10]);

/** A name within a statement. */
export function quotedIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

function* linesOf(database: DatabaseSync): Generator<Uint8Array<ArrayBuffer>> {
  const encoder = new TextEncoder();
  const line = (text: string) => encoder.encode(text);
  const schema = schemaOf(database);
  const tables = schema.filter(({ type, name }) => type === "table" && !name.startsWith("sqlite_"));
  const virtual = tables.filter(isVirtual);
  yield line("PRAGMA foreign_keys=OFF;");
  yield line("BEGIN TRANSACTION;");
  // A virtual table is only named: its content is in tables that were written as all others.
  if (virtual.length > 0) yield line("PRAGMA writable_schema=ON;");
  for (const table of tables) {
    if (isVirtual(table)) yield line(virtualTable(table));
    else {
      yield line(`${table.sql};`);
      yield* rowsOf(database, table.name);
    }
  }
  yield* ownTables(database, schema, line);
  for (const { type, sql } of schema) {
    if (type !== "table" && sql !== null) yield line(`${sql};`);
  }
  if (virtual.length > 0) yield line("PRAGMA writable_schema=OFF;");
  for (const name of ["user_version", "application_id"]) {
    const value = Number(pragma(database, name));
    if (value !== 0) yield line(`PRAGMA ${name}=${value};`);
  }
  yield line("COMMIT;");
}

/** What SQLite keeps in tables of its own: the last numbers of AUTOINCREMENT, and what ANALYZE found. */
function* ownTables(
  database: DatabaseSync,
  schema: readonly SchemaEntry[],
  line: (text: string) => Uint8Array<ArrayBuffer>,
): Generator<Uint8Array<ArrayBuffer>> {
  const has = (own: string) => schema.some(({ name }) => name === own);
  if (has("sqlite_sequence")) {
    yield line("DELETE FROM sqlite_sequence;");
    yield* rowsOf(database, "sqlite_sequence");
  }
  if (has("sqlite_stat1")) {
    yield line("ANALYZE sqlite_schema;");
    yield* rowsOf(database, "sqlite_stat1");
  }
}

function schemaOf(database: DatabaseSync): SchemaEntry[] {
  const rows = database.prepare("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY rowid").all();
  return rows.map(({ type, name, tbl_name: table, sql }) => ({
    type: String(type),
    name: String(name),
    table: String(table),
    sql: sql === null ? null : String(sql),
  }));
}

function isVirtual({ sql }: SchemaEntry): boolean {
  return /^CREATE\s+VIRTUAL\s/i.test(sql ?? "");
}

function virtualTable({ name, sql }: SchemaEntry): string {
  const text = (value: string) => `'${value.replaceAll("'", "''")}'`;
  return "INSERT INTO sqlite_schema(type,name,tbl_name,rootpage,sql)" +
    `VALUES('table',${text(name)},${text(name)},0,${text(sql!)});`;
}

/** The rows of a table, each as a statement. SQLite itself writes them, so no value is changed on its way. */
function* rowsOf(database: DatabaseSync, table: string): Generator<Uint8Array<ArrayBuffer>> {
  const { columns, isListed } = columnsOf(database, table);
  if (columns.length === 0) return;
  const list = isListed ? `(${columns.join(",")})` : "";
  const begin = `INSERT INTO ${quotedIdentifier(table)}${list} VALUES(`;
  const values = columns.map(valueExpression).join(" || ',' || ");
  const statement = `'${begin.replaceAll("'", "''")}' || ${values} || ');'`;
  // As bytes, text that is not valid UTF-8 passes unchanged. UTF-16 would come as it is stored.
  const isUtf8 = pragma(database, "encoding") === "UTF-8";
  const line = `${isUtf8 ? `CAST(${statement} AS BLOB)` : statement} AS line`;
  const encoder = new TextEncoder();
  for (const { line: row } of wholeRows(database, { columns: [line], table: quotedIdentifier(table) })) {
    yield row instanceof Uint8Array ? row as Uint8Array<ArrayBuffer> : encoder.encode(String(row));
  }
}

/** An expression of a value as it stands in a statement. No line end, so that data never looks like the end of a dump. */
function valueExpression(column: string): string {
  const lines = `length(${column}) - length(replace(${column}, char(10), ''))`;
  return `CASE WHEN typeof(${column}) <> 'text' THEN quote(${column}) ` +
    `WHEN instr(${column}, char(0)) OR ${lines} > ${MOST_LINES} THEN 'CAST(X''' || hex(${column}) || ''' AS TEXT)' ` +
    `ELSE replace(quote(${column}), char(10), '''||char(10)||''') END`;
}

/** The columns that a statement gives, in quotes: without those that are computed, and with a hidden row number. */
function columnsOf(database: DatabaseSync, table: string): { readonly columns: string[]; readonly isListed: boolean } {
  const all = database.prepare("SELECT name, type, pk, hidden FROM pragma_table_xinfo(?)").all(table);
  const plain = all.filter(({ hidden }) => hidden === 0);
  const columns = plain.map(({ name }) => quotedIdentifier(String(name)));
  const rowNumber = hiddenRowNumber(database, table, all);
  return rowNumber === undefined
    ? { columns, isListed: plain.length < all.length }
    : { columns: [rowNumber, ...columns], isListed: true };
}

/** The name of a row number that no column shows; undefined if there is none. Other tables may refer to it. */
function hiddenRowNumber(
  database: DatabaseSync,
  table: string,
  columns: readonly Record<string, unknown>[],
): string | undefined {
  if (table.startsWith("sqlite_")) return undefined;
  const keys = columns.filter(({ pk }) => Number(pk) > 0);
  if (keys.length === 1 && /^integer$/i.test(String(keys[0]!.type))) return undefined;
  const found = database.prepare("SELECT wr FROM pragma_table_list(?) WHERE schema = 'main'").get(table);
  if (found?.wr !== 0) return undefined;
  const taken = new Set(columns.map(({ name }) => String(name).toLowerCase()));
  return ["rowid", "_rowid_", "oid"].find((name) => !taken.has(name));
}
