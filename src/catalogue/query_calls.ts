/**
 * Runs a statement in a thread of its own: SQLite cannot be interrupted, but the thread can be ended, or left behind by
 * a process that ends.
 */
import { BugError } from "../base/errors.ts";
import type { Handlers } from "../base/thread.ts";
import type { SqliteValue } from "../engine/sqlite/open_database.ts";
import { type CatalogueReader, readCatalogue } from "./read_catalogue.ts";

/** The calls of a thread that reads the catalogue; each thread runs one statement. */
export type QueryCalls = {
  readonly beginQuery: { request: QueryRequest; response: { readonly columns: readonly string[] } };
  /** The rows that come next. */
  readonly nextRows: { request: null; response: QueryRows };
};

/** What is asked. */
interface QueryRequest {
  readonly path: string;
  /** Whose file it must be. */
  readonly uid: number | null;
  readonly sql: string;
}

/** Some rows of the answer. */
interface QueryRows {
  readonly rows: readonly (readonly SqliteValue[])[];
  readonly isLast: boolean;
}

/** Rows in one answer. */
const MOST_ROWS = 500;

/** The handlers of `QueryCalls`. */
export function queryCalls(): Handlers<QueryCalls> {
  let reader: CatalogueReader | undefined;
  let rows: Iterator<readonly SqliteValue[]> | undefined;
  return {
    async beginQuery({ path, uid, sql }) {
      reader = await readCatalogue(path, uid);
      const result = reader.query(sql);
      rows = result.rows[Symbol.iterator]();
      return { response: { columns: result.columns } };
    },
    nextRows() {
      if (rows === undefined) throw new BugError("Rows were asked for before a statement was begun");
      const taken: (readonly SqliteValue[])[] = [];
      while (taken.length < MOST_ROWS) {
        const { value, done } = rows.next();
        if (done) {
          reader?.[Symbol.dispose]();
          return { response: { rows: taken, isLast: true } };
        }
        taken.push(value);
      }
      return { response: { rows: taken, isLast: false } };
    },
  };
}
