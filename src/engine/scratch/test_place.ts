/** Where a backup is restored on trial, and what is looked at there. */
import type { EngineTarget } from "../engine.ts";
import type { Driven } from "../engine_urls.ts";

/** The engines whose backups can be restored on trial, and loaded into servers that are made for it. */
export type TestedEngine = "mysql" | "postgresql" | "sqlite";

/** What a backup says of itself, so that the place can be made fit for it. */
export interface TestedBackup {
  /** The engine that restores it. */
  readonly engine: TestedEngine;
  /** Whether the backup leaves the name of its database to the target. */
  readonly isOneDatabase: boolean;
  /** Of PostgreSQL: whether it makes the roles that own its objects, can be restored without them, or only names them. */
  readonly roles: "made" | "left out" | "named";
}

/** A table after the restore. */
export interface TestedTable {
  /** Its name, with that of its database and schema. */
  readonly name: string;
  /** Its rows, counted. */
  readonly rows: number;
}

/** What the server says of what was restored. */
export interface Examined {
  /** All tables by name. */
  readonly tables: readonly TestedTable[];
  /** What is wrong, a line each. */
  readonly problems: readonly string[];
  /** What could not be looked at, a line each. */
  readonly notes: readonly string[];
}

/** A place for a restore on trial. */
export interface TestPlace extends AsyncDisposable {
  /** What takes the backup. */
  readonly target: Driven<EngineTarget>;
  /** What the place is, for people: `MariaDB 10.11.6`. */
  readonly server: string;
  /** Looks at all that was restored. Throws `AgentError` if the server does not answer. */
  examine(signal: AbortSignal): Promise<Examined>;
  /**
   * The first value of the first row of a query; null if there is no row. Throws `AgentError` if the server refuses it.
   */
  query(sql: string, database: string | null, signal: AbortSignal): Promise<string | null>;
  /** Whether the server still answers, so that a failure was not its own. */
  isUp(): Promise<boolean>;
}
