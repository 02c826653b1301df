/** A file as a place for restores of SQLite databases on trial. */
import { resolve } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { AgentError, messageOf } from "../../base/errors.ts";
import type { EngineTarget } from "../engine.ts";
import { type Driven, parseEngineUrl } from "../engine_urls.ts";
import { integrityProblem } from "../sqlite/database_build.ts";
import { isOfSqlite, openDatabase } from "../sqlite/open_database.ts";
import { quotedIdentifier } from "../sqlite/sql_text.ts";
import type { Examined, TestPlace } from "./test_place.ts";

/** A file at a URL. `target` is the same URL's. */
export function sqlitePlace(url: string, target: Driven<EngineTarget>): TestPlace {
  const path = resolve(parseEngineUrl(url)!.place);
  return {
    target,
    server: `SQLite ${versionOfSqlite()}`,
    examine: () => Promise.resolve(examine(path)),
    query: (sql) => Promise.resolve(firstValue(path, sql)),
    isUp: () => Promise.resolve(true),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

function versionOfSqlite(): string {
  const database = openDatabase(":memory:");
  try {
    return String(Object.values(database.prepare("SELECT sqlite_version()").get()!)[0]);
  } finally {
    database.close();
  }
}

function examine(path: string): Examined {
  const damage = integrityProblem(path);
  if (damage !== null) return { tables: [], problems: [`integrity_check: ${damage}`], notes: [] };
  return reading(path, (database) => {
    const listed = database.prepare("SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table'")
      .all();
    const names = listed.map(({ name }) => String(name)).filter((name) => !name.startsWith("sqlite_")).sort();
    const tables = names.map((name) => {
      const row = database.prepare(`SELECT count(*) AS rows FROM ${quotedIdentifier(name)}`).get();
      return { name, rows: Number(row!.rows) };
    });
    const broken = database.prepare('SELECT DISTINCT "table" AS name FROM pragma_foreign_key_check').all();
    const notes = broken.map(({ name }) => `rows of ${String(name)} refer to rows that are not there`);
    return { tables, problems: [], notes };
  });
}

function firstValue(path: string, sql: string): string | null {
  return reading(path, (database) => {
    const statement = database.prepare(sql);
    statement.setReadBigInts(true);
    const row = statement.get();
    if (row === undefined) return null;
    const value = Object.values(row)[0];
    return value === null ? "NULL" : String(value);
  });
}

function reading<T>(path: string, work: (database: DatabaseSync) => T): T {
  const database = openDatabase(path, { readOnly: true });
  try {
    return work(database);
  } catch (error) {
    if (!isOfSqlite(error)) throw error;
    throw new AgentError(`SQLite refuses: ${messageOf(error)}`, { cause: error });
  } finally {
    database.close();
  }
}
