/** How PostgreSQL is asked about tables, and how rows pass: psql, with settings that are the same everywhere. */
import { AgentError } from "../../../base/errors.ts";
import type { PostgresqlClient } from "../../postgresql/postgresql_client.ts";
import { placeOf } from "../../postgresql/postgresql_address.ts";
import { reasonIn } from "../../postgresql/remarks.ts";

/** psql without the user's own settings, which stops at the first error. */
export const PSQL = ["--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--set=ON_ERROR_STOP=1"] as const;

/**
 * Settings under which text means the same in every server. Rows that a policy would hide are an error: a part of a
 * table is no backup of it.
 */
export const SETTINGS = [
  "SET client_encoding = 'UTF8'",
  "SET search_path = ''",
  "SET datestyle = 'ISO, MDY'",
  "SET intervalstyle = 'postgres'",
  "SET extra_float_digits = 3",
  "SET bytea_output = 'hex'",
  "SET row_security = off",
  "SET statement_timeout = 0",
  "SET idle_in_transaction_session_timeout = 0",
].join("; ");

/** The transaction in which everything of one snapshot is read. */
export function inSnapshot(snapshot: string | null): string[] {
  const begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
  return [begin, ...snapshot === null ? [] : [`SET TRANSACTION SNAPSHOT '${snapshot}'`], SETTINGS];
}

/** Statements as arguments of psql. With a space before it, a backslash begins no command of psql itself. */
export function commands(statements: readonly string[]): string[] {
  return statements.map((statement) => `--command= ${statement}`);
}

/**
 * Statements as a script of psql, which may be longer than arguments can be. Each is a text that psql sends back to the
 * server, so that nothing in it is a command of psql, or one of its variables.
 */
export function script(statements: readonly string[]): string {
  const text = (statement: string) => `E'${statement.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`;
  return statements.map((statement) => `SELECT ${text(statement)} \\gexec\n`).join("");
}

/** What a query is asked in. */
export interface AskOptions {
  /** The snapshot; null for what is there at the moment. */
  readonly snapshot?: string | null;
  readonly signal?: AbortSignal | undefined;
}

/** The rows of a query as objects. Throws `AgentError` if the server cannot be reached or refuses. */
export async function ask<Row>(client: PostgresqlClient, sql: string, options: AskOptions = {}): Promise<Row[]> {
  const { snapshot = null, signal } = options;
  const json = `SELECT COALESCE(json_agg(row_to_json(rows)), '[]') FROM (${sql}) AS rows`;
  const args = [...PSQL, ...commands([...inSnapshot(snapshot), json])];
  const { output, failure } = await client.run(client.psql, args, { signal });
  if (failure !== null) throw new AgentError(reasonIn(failure, placeOf(client.address)));
  return JSON.parse(output) as Row[];
}
