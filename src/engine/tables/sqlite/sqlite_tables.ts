/** The tables of an SQLite database, `sqlite:PATH`: read in one transaction, and loaded in one each. */
import type { DatabaseSync } from "node:sqlite";
import { resolve } from "node:path";
import { IntegrityError, messageOf, UsageError } from "../../../base/errors.ts";
import { sourceOfStream } from "../../../base/byte_source.ts";
import { refuseRepository } from "../../client/refuse_repository.ts";
import { wholeRows } from "../../sqlite/whole_rows.ts";
import { decodePercent } from "../../engine_urls.ts";
import type { TableLoad, TableLoader, TableReader, TableServer, TableToLoad } from "../table_server.ts";
import { storedColumns } from "../definition.ts";
import { type TableName, tableText } from "../table_name.ts";
import { parseRow, rowLine, type SqliteValue } from "./row_lines.ts";
import {
  attempt,
  columnsOf,
  definitionOf,
  findTables,
  openDatabase,
  quoted,
  rowNumberOf,
  SCHEMA,
} from "./sqlite_database.ts";

/** About how many characters of rows are passed on together. */
const PIECE_CHARACTERS = 64 * 1024;

/** An SQLite database as tables. Throws `UsageError` for a URL that makes no sense. */
export function sqliteTables({ text }: { readonly text: string }): TableServer {
  if (text === "" || text.includes("?")) {
    throw new UsageError("sqlite: needs the path of a database, and no parameters");
  }
  const path = resolve(decodePercent(text));
  return {
    options: { server: "sqlite", path },
    formats: ["text"],
    place: `the SQLite database "${path}"`,
    // deno-lint-ignore require-await -- what it throws is to be a rejection
    read: async () => sqliteReader(path),
    // deno-lint-ignore require-await -- as above
    load: async ({ repository }) => {
      refuseRepository(path, repository);
      return new SqliteLoader(path, openDatabase(path, { readOnly: false }));
    },
  };
}

function sqliteReader(path: string): TableReader {
  const database = openDatabase(path, { readOnly: true });
  // The first read begins what all others see.
  attempt(path, () => database.exec("BEGIN; SELECT count(*) FROM sqlite_master"));
  const [version] = Object.values(database.prepare("SELECT sqlite_version()").get()!);
  const now = database.prepare("SELECT strftime('%Y-%m-%dT%H:%M:%fZ') AS time").get()!.time;
  const tell = <T>(work: () => T) => new Promise<T>((done) => done(attempt(path, work)));
  return {
    facts: { server: `SQLite ${version}`, path, time: String(now) },
    find: (ids) => tell(() => findTables(database, ids)),
    columns: (tables) => tell(() => tables.map((table) => columnsOf(database, table))),
    define: (table) => tell(() => definitionOf(database, table)),
    refusal: () => Promise.resolve(null),
    isEmpty: ({ name }) =>
      tell(() => database.prepare(`SELECT 1 FROM main.${quoted(name)} LIMIT 1`).get() === undefined),
    rows: (table) => sourceOfStream(rowsOf(database, table)),
    guard: () => "none",
    close: () => Promise.resolve(database.isOpen ? database.close() : undefined),
  };
}

async function* rowsOf(database: DatabaseSync, table: TableName): AsyncGenerator<Uint8Array> {
  const number = rowNumberOf(database, table);
  const numbers = number === null || number.isColumn ? [] : [number.name];
  const columns = [...numbers, ...storedColumns(columnsOf(database, table)).map(({ name }) => quoted(name))];
  const read = {
    columns: columns.flatMap((column, i) => [`typeof(${column}) = 'text' AS t${i}`, `${textAsBytes(column)} AS v${i}`]),
    table: `main.${quoted(table.name)}`,
    // By the name of the table, too: alone, it might be that of a result.
    order: number === null ? undefined : `main.${quoted(table.name)}.${quoted(number.name)}`,
  };
  let piece = "";
  for (const row of wholeRows(database, read, { bigints: true })) {
    piece += rowLine(columns.map((_, i) => {
      const value = row[`v${i}`] as null | bigint | number | Uint8Array;
      return row[`t${i}`] === 1n ? { text: value as Uint8Array } : value;
    }));
    if (piece.length < PIECE_CHARACTERS) continue;
    yield new TextEncoder().encode(piece);
    piece = "";
    await Promise.resolve();
  }
  if (piece !== "") yield new TextEncoder().encode(piece);
}

function textAsBytes(column: string): string {
  return `CASE typeof(${column}) WHEN 'text' THEN CAST(${column} AS BLOB) ELSE ${column} END`;
}

/** The rows that refer to rows that are not there, by their table and the one that they refer to. */
function brokenReferences(database: DatabaseSync): { readonly table: string; readonly parent: string }[] {
  return database.prepare("PRAGMA main.foreign_key_check").all() as { table: string; parent: string }[];
}

class SqliteLoader implements TableLoader {
  readonly #path: string;
  readonly #database: DatabaseSync;
  readonly #begun: TableName[] = [];

  constructor(path: string, database: DatabaseSync) {
    this.#path = path;
    this.#database = database;
  }

  locate(ids: readonly string[]): Promise<(TableName | null)[]> {
    return Promise.resolve(ids.map((id) => {
      try {
        const [table, ...others] = findTables(this.#database, [id]);
        return table === undefined || others.length > 0 ? null : { schema: SCHEMA, name: table.name };
      } catch (error) {
        if (error instanceof UsageError) return null;
        throw error;
      }
    }));
  }

  filled(tables: readonly TableName[]): Promise<TableName[]> {
    return Promise.resolve(tables.filter(({ name }) => {
      const isThere = this.#database.prepare("SELECT 1 FROM main.sqlite_master WHERE type = 'table' AND name = ?").get(
        name,
      );
      return isThere !== undefined &&
        this.#database.prepare(`SELECT 1 FROM main.${quoted(name)} LIMIT 1`).get() !== undefined;
    }));
  }

  begin(table: TableToLoad): TableLoad {
    this.#begun.push(table.table);
    return new SqliteLoad(this.#path, this.#database, table);
  }

  finish(): Promise<string[]> {
    const broken = new Set(brokenReferences(this.#database).map(({ table }) => table));
    return Promise.resolve(
      this.#begun.filter(({ name }) => broken.has(name)).map((table) =>
        `rows of the table ${tableText(table)} refer to rows that are not there`
      ),
    );
  }

  close(): Promise<void> {
    // A transaction that is open is rolled back.
    if (this.#database.isOpen) this.#database.close();
    return Promise.resolve();
  }
}

class SqliteLoad implements TableLoad {
  readonly #path: string;
  readonly #database: DatabaseSync;
  readonly #table: TableToLoad;
  readonly #decoder = new TextDecoder("utf-8", { fatal: true });
  #insert: ((line: string) => void) | undefined;
  #after: () => void = () => {};
  #rest = "";
  #failure: string | null = null;

  constructor(path: string, database: DatabaseSync, table: TableToLoad) {
    this.#path = path;
    this.#database = database;
    this.#table = table;
  }

  write(bytes: Uint8Array): Promise<void> {
    this.#attempt(() => {
      this.#insert ??= this.#begin();
      const lines = (this.#rest + this.#decoder.decode(new Uint8Array(bytes), { stream: true })).split("\n");
      this.#rest = lines.pop()!;
      for (const line of lines) this.#insert(line);
    });
    return Promise.resolve();
  }

  end(): Promise<string | null> {
    this.#attempt(() => {
      this.#insert ??= this.#begin();
      if (this.#rest !== "") throw new IntegrityError("the last row is cut");
      this.#after();
      this.#database.exec("COMMIT");
    });
    return Promise.resolve(this.#failure);
  }

  cancel(): Promise<void> {
    if (this.#database.isOpen && this.#database.isTransaction) this.#database.exec("ROLLBACK");
    return Promise.resolve();
  }

  #begin(): (line: string) => void {
    const { table, definition } = this.#table;
    const database = this.#database;
    database.exec("BEGIN IMMEDIATE");
    const { before, after, columns, sequences, rowid } = definition ?? definitionOf(database, table);
    const names = [...rowid === undefined ? [] : [rowid], ...storedColumns(columns).map(({ name }) => quoted(name))];
    const broken = this.#brokenReferences();
    database.exec("PRAGMA legacy_alter_table = on");
    database.exec(`DROP TABLE IF EXISTS main.${quoted(table.name)}`);
    for (const statement of before) database.exec(statement);
    this.#after = () => {
      for (const statement of after) database.exec(statement);
      for (const { name, last } of sequences) {
        database.prepare("DELETE FROM main.sqlite_sequence WHERE name = ?").run(name);
        database.prepare("INSERT INTO main.sqlite_sequence (name, seq) VALUES (?, ?)").run(name, BigInt(last));
      }
      if (this.#brokenReferences() > broken) {
        throw new IntegrityError("rows of other tables refer to rows that are gone");
      }
    };
    const statements = new Map<string, ReturnType<DatabaseSync["prepare"]>>();
    return (line) => {
      const values = parseRow(line, names.length);
      const marks = values.map((value) => isText(value) ? "CAST(? AS TEXT)" : "?").join(", ");
      let statement = statements.get(marks);
      if (statement === undefined) {
        statement = database.prepare(`INSERT INTO main.${quoted(table.name)} (${names.join(", ")}) VALUES (${marks})`);
        if (statements.size < 100) statements.set(marks, statement);
      }
      statement.run(...values.map((value) => isText(value) ? value.text : value));
    };
  }

  /** How many rows of other tables refer to rows of this one that are not there. */
  #brokenReferences(): number {
    const name = this.#table.table.name.toLowerCase();
    return brokenReferences(this.#database).filter(({ table, parent }) =>
      parent.toLowerCase() === name && table.toLowerCase() !== name
    ).length;
  }

  #attempt(work: () => void): void {
    if (this.#failure !== null) return;
    try {
      attempt(this.#path, work);
    } catch (error) {
      this.#failure = messageOf(error);
      void this.cancel();
    }
  }
}

function isText(value: SqliteValue): value is { readonly text: Uint8Array } {
  return value !== null && typeof value === "object" && "text" in value;
}
