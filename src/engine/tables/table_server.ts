/** What tables need of a database: a snapshot that is read table by table, and a way to load single tables. */
import type { JudgedSource, StreamSink } from "../../base/byte_source.ts";
import type { JsonObject } from "../../format/json/json_text.ts";
import type { BuiltInGuardChoice } from "../../guard/guard.ts";
import type { EngineTools, TargetRequest } from "../engine.ts";
import type { TableColumn, TableDefinition } from "./definition.ts";
import type { TableFormat, TableName } from "./table_name.ts";

/** A table that was found. */
export interface FoundTable extends TableName {
  /** What asked for it, in the user's own words; its own name if it came out of a collection. */
  readonly id: string;
  /** Whether its rows are in other tables, its partitions. */
  readonly isPartitioned: boolean;
  /** Whether it came out of a collection. */
  readonly isOfCollection: boolean;
}

/** A database with tables, by its address. Nothing is connected. */
export interface TableServer {
  /** Where it is, without secrets, for manifests. */
  readonly options: JsonObject;
  /** The forms of rows that it has, the usual one first. */
  readonly formats: readonly TableFormat[];
  /** Where it is, for messages. */
  readonly place: string;
  /** Takes a snapshot of all tables. Throws `AgentError` if the database cannot be reached. */
  read(tools: EngineTools): Promise<TableReader>;
  /**
   * Gets ready to load tables. Throws `AgentError` if the database cannot be reached, `UsageError` if it lies in the
   * repository.
   */
  load(tools: EngineTools & Pick<TargetRequest, "repository">): Promise<TableLoader>;
}

/** All tables at one moment. */
export interface TableReader {
  /** The server and the moment, for manifests. */
  readonly facts: JsonObject;
  /**
   * The tables of these names, patterns, or DaCHS's ids (`myres/q#main`; `myres/q` are all of one descriptor). Each table
   * comes once. A collection has no views, but partitioned tables beside their partitions. Throws `UsageError` for a name that is not there, with the nearest one, for
   * a view, and for a collection without tables.
   */
  find(ids: readonly string[]): Promise<FoundTable[]>;
  /** The columns of tables in order, in the order of the tables. */
  columns(tables: readonly TableName[]): Promise<TableColumn[][]>;
  /** Everything but the rows. Throws `AgentError` if that cannot be told. */
  define(table: TableName): Promise<TableDefinition>;
  /** Why the user may not read a table; null if that is allowed. */
  refusal(table: TableName): Promise<string | null>;
  /** Whether it has no rows. */
  isEmpty(table: TableName): Promise<boolean>;
  /** The rows. Its `ended` throws `SourceError`. */
  rows(table: TableName, format: TableFormat): JudgedSource;
  /** The guard that judges rows. */
  guard(format: TableFormat): BuiltInGuardChoice;
  /** What people should know about the rows of tables, a line each; absent if there is never anything. */
  notes?(tables: readonly TableName[]): readonly string[];
  /** What definitions of tables may lack as the user may not see it, a line each; absent if that is an error. */
  unseen?(tables: readonly TableName[]): Promise<readonly string[]>;
  /** Lets go of the snapshot, and ends all that still runs. Never throws, and may be called again. */
  close(): Promise<void>;
}

/** What is loaded. */
export interface TableToLoad {
  /** Where it goes. */
  readonly table: TableName;
  /** The form of its rows. */
  readonly format: TableFormat;
  /** What is made; null for a table whose rows alone are replaced. */
  readonly definition: TableDefinition | null;
  /** Whether rows come. Nothing may be written if not. */
  readonly hasRows: boolean;
}

/** A database that takes tables. */
export interface TableLoader {
  /** The tables of these ids, as `TableReader.find` does; null for each that is not there. */
  locate(ids: readonly string[]): Promise<(TableName | null)[]>;
  /** Where a table goes that has this name in a backup; absent if its name stays. */
  place?(table: TableName): TableName;
  /** The names of those of these tables that are there and have rows. */
  filled(tables: readonly TableName[]): Promise<TableName[]>;
  /** Begins to load one table, in a transaction of its own. Never throws: a failure comes at its end. */
  begin(table: TableToLoad): TableLoad;
  /** Makes the references of tables that were loaded. Returns what could not be made, a line each. */
  finish(): Promise<string[]>;
  /** Ends all that still runs. What was not committed is rolled back. Never throws, and may be called again. */
  close(): Promise<void>;
}

/** A table that is being loaded. */
export interface TableLoad extends StreamSink {
  /** Takes the end of the rows, and commits. Returns why the table could not be loaded; null if it was. */
  end(): Promise<string | null>;
  /** Rolls everything back. Never throws. */
  cancel(): Promise<void>;
}
