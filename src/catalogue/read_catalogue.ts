/**
 * Reading the catalogue, with SQL of people. The connection is read-only, and an authorizer lets statements do nothing
 * but select, read and call functions: alone, a read-only connection would still let `VACUUM INTO` write a file.
 */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import { AgentError, messageOf, UsageError } from "../base/errors.ts";
import { isDamaged, isLocked, openDatabase, pragma, type SqliteValue } from "../engine/sqlite/open_database.ts";
import { judgeFile } from "./catalogue_file.ts";
import { APPLICATION_ID, SCHEMA_VERSION } from "./schema.ts";

/** What an authorizer may allow, by SQLite's numbers. */
const SELECT = 21;
const READ = 20;
const FUNCTION = 31;
const OK = 0;
const DENY = 1;

/** Functions with effects outside of the statement, wherever this SQLite has them. */
const REFUSED_FUNCTIONS = new Set(["load_extension", "fts3_tokenizer", "sqlite_log", "writefile", "readfile", "edit"]);

/** How statements begin that only read. */
const FIRST_WORDS = /^(?:EXPLAIN\s+(?:QUERY\s+PLAN\s+)?)?(?:SELECT|VALUES|WITH)\b/i;

/** What shows how SQLite would do it. */
const PLAN = /^EXPLAIN\b/i;

/** Rows that are taken at once. */
const PAGE_ROWS = 10_000;

/** The longest value or row. Rows are sorted in temporary files where there are many. */
const MOST_VALUE_BYTES = 16 * 1024 * 1024;

/** How long a writer may keep a reader waiting; only one without a write-ahead log can. */
const LOCKED_FOR_MS = 2_000;

/** A column of a table or view. */
export interface CatalogueColumn {
  readonly table: string;
  readonly column: string;
  /** Empty for what a view computes. */
  readonly type: string;
}

/** Tables that only this program needs. */
const OWN_TABLES = ["catalogue", "removed_snapshots"];

/** The answer to a statement. */
export interface QueryResult {
  /** The names of the columns, each once. */
  readonly columns: readonly string[];
  /** One list of values a row, read as they are taken. Throws `UsageError` if the statement fails on the way. */
  readonly rows: Iterable<readonly SqliteValue[]>;
}

/**
 * Opens the catalogue for reading. Throws an `AgentError` if there is none that this program can read, or if somebody
 * else may write it; it changes nothing then.
 */
export async function readCatalogue(path: string, uid: number | null): Promise<CatalogueReader> {
  try {
    await judgeFile(path, uid);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new AgentError(
      `There is no catalogue "${path}" yet: the commands that open a repository make it, or "agent catalogue refresh"`,
      { cause: error },
    );
  }
  return new CatalogueReader(openToRead(path));
}

/** A catalogue that is only read. */
export class CatalogueReader implements Disposable {
  readonly #database: DatabaseSync;
  /** Of all tables and views that are meant to be read, in the order of the schema. */
  readonly columns: readonly CatalogueColumn[];

  /** For `readCatalogue`. */
  constructor(database: DatabaseSync) {
    this.#database = database;
    this.columns = columnsOf(database);
    database.setAuthorizer(authorize);
  }

  /**
   * Begins a statement. Throws a `UsageError` for anything but one statement that reads, and for one that SQLite does
   * not understand.
   */
  query(sql: string, parameters: readonly (string | number | null)[] = []): QueryResult {
    const statement = prepareOne(this.#database, sql);
    const columns = distinctNames(statement.columns().map(({ name }) => name));
    const isPlan = PLAN.test(withoutComments(sql));
    return { columns, rows: isPlan ? allRows(statement, parameters) : this.#pages(statement.sourceSQL, parameters) };
  }

  /**
   * The rows, some of them at a time. The method of statements that gives one row after the other swallows errors, as if
   * there were no more rows.
   */
  *#pages(sql: string, parameters: readonly (string | number | null)[]): Generator<readonly SqliteValue[]> {
    const page = `SELECT * FROM (${sql.replace(/[;\s]+$/, "")}\n) LIMIT ${PAGE_ROWS} OFFSET `;
    // All pages are of one moment.
    const isFirst = !this.#database.isTransaction;
    if (isFirst) this.#unguarded("BEGIN");
    try {
      for (let offset = 0;; offset += PAGE_ROWS) {
        const rows = allRows(told(() => this.#database.prepare(page + offset)), parameters);
        yield* rows;
        if (rows.length < PAGE_ROWS) return;
      }
    } finally {
      if (isFirst) this.#unguarded("ROLLBACK");
    }
  }

  /** A statement of our own. */
  #unguarded(sql: string): void {
    this.#database.setAuthorizer(null);
    this.#database.exec(sql);
    this.#database.setAuthorizer(authorize);
  }

  /** Closes the file. */
  [Symbol.dispose](): void {
    this.#database.close();
  }
}

function authorize(action: number, _about?: string | null, name?: string | null): number {
  if (action === FUNCTION) return REFUSED_FUNCTIONS.has(name ?? "") ? DENY : OK;
  return action === SELECT || action === READ ? OK : DENY;
}

function columnsOf(database: DatabaseSync): CatalogueColumn[] {
  return database.prepare(
    "SELECT s.name AS tableName, c.name, c.type FROM sqlite_schema s, pragma_table_xinfo(s.name) c " +
      "WHERE s.type IN ('table', 'view') ORDER BY s.type, s.rowid, c.cid",
  ).all().map(({ tableName, name, type }) => ({
    table: String(tableName),
    column: String(name),
    type: String(type),
  })).filter(({ table }) => !OWN_TABLES.includes(table) && !table.startsWith("sqlite_"));
}

function openToRead(path: string): DatabaseSync {
  try {
    return openVersion(path, path);
  } catch (error) {
    if (error instanceof AgentError) throw error;
    if (isDamaged(error)) throw damagedCatalogue(path, error);
    // Where nothing can be written beside it, a database with a write-ahead log can be read as a file at rest.
    return openVersion(path, `${pathToFileURL(path).href}?immutable=1`);
  }
}

/** What says whose file it is. Of one moment, or one that is just being made would look like another program's. */
function headerOf(database: DatabaseSync): { id: number; version: number; isEmpty: boolean } {
  database.exec("BEGIN");
  const [id, version] = ["application_id", "user_version"].map((name) => Number(pragma(database, name)));
  const hasTables = database.prepare("SELECT 1 FROM sqlite_schema LIMIT 1").get() !== undefined;
  database.exec("COMMIT");
  return { id: id!, version: version!, isEmpty: !hasTables && id === 0 && version === 0 };
}

function openVersion(path: string, location: string): DatabaseSync {
  const database = openDatabase(location, { readOnly: true });
  try {
    database.exec(`PRAGMA busy_timeout=${LOCKED_FOR_MS}; PRAGMA query_only=1; PRAGMA trusted_schema=0`);
    if (database.limits !== undefined) database.limits.length = MOST_VALUE_BYTES;
    const { id, version, isEmpty } = headerOf(database);
    if (isEmpty) {
      throw new AgentError(
        `There is nothing in the catalogue "${path}" yet: the commands that open a repository fill it, ` +
          'or "agent catalogue refresh"; if one is just doing so, run it again',
      );
    }
    if (id !== APPLICATION_ID) {
      throw new AgentError(`"${path}" is not a catalogue of agent; set AGENT_CATALOGUE to another file`);
    }
    if (version > SCHEMA_VERSION) {
      throw new AgentError(`The catalogue "${path}" was made by a newer version of agent; update agent to read it`);
    }
    if (version < SCHEMA_VERSION) {
      throw new AgentError(`The catalogue "${path}" is of an older version; "agent catalogue refresh" updates it`);
    }
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** The statement. A second one behind it would be ignored by SQLite, so it is refused. */
function prepareOne(database: DatabaseSync, sql: string): StatementSync {
  const text = withoutComments(sql);
  if (text === "") throw new UsageError("There is no SQL statement; write for example: SELECT * FROM backups");
  if (!FIRST_WORDS.test(text)) throw onlyReads();
  const statement = told(() => database.prepare(sql));
  const rest = withoutComments(sql.slice(statement.sourceSQL.length));
  if (rest !== "") throw new UsageError("There is more than one SQL statement; agent sql runs one at a time");
  return statement;
}

function onlyReads(cause?: unknown): UsageError {
  return new UsageError(
    "agent sql only reads the catalogue: SELECT and functions, no pragmas, no recursion, and nothing that writes",
    { cause },
  );
}

/** Without the comments, blanks and empty statements before it. */
function withoutComments(sql: string): string {
  return sql.replace(/^(?:[\s;]|--[^\n]*(?:\n|$)|\/\*[^]*?(?:\*\/|$))*/, "").trimEnd();
}

function allRows(statement: StatementSync, parameters: readonly (string | number | null)[]): SqliteValue[][] {
  statement.setReadBigInts(true);
  statement.setReturnArrays(true);
  const rows = told(() => statement.all(...parameters)) as unknown as SqliteValue[][];
  return rows.map((row) => row.map(smallest));
}

/** Integers are numbers as far as these are exact. */
function smallest(value: SqliteValue): SqliteValue {
  if (typeof value !== "bigint") return value;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** What SQLite throws, in our words. */
function told<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    if (isLocked(error)) {
      throw new AgentError("The catalogue is locked by another process; try again", { cause: error });
    }
    if (isDamaged(error)) throw damagedCatalogue("", error);
    const reason = messageOf(error);
    if (/^not authorized|^access to .* is prohibited$/.test(reason)) throw onlyReads(error);
    throw new UsageError(`SQLite refuses the statement: ${reason}`, { cause: error });
  }
}

function damagedCatalogue(path: string, cause: unknown): AgentError {
  return new AgentError(
    `The catalogue${path && ` "${path}"`} is damaged (${messageOf(cause)}); "agent catalogue rebuild" makes it again`,
    { cause },
  );
}

/** A name that was there before gets a number, as SQLite gives it in subqueries. */
function distinctNames(names: readonly string[]): string[] {
  const taken = new Set<string>();
  return names.map((name) => {
    let distinct = name;
    for (let i = 1; taken.has(distinct); i++) distinct = `${name}:${i}`;
    taken.add(distinct);
    return distinct;
  });
}
