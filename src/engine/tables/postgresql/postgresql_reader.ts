/** All tables of a PostgreSQL database at one moment: a session keeps the snapshot that all others read. */
import { AgentError, InterruptedError, SourceError } from "../../../base/errors.ts";
import type { JudgedSource } from "../../../base/byte_source.ts";
import type { JsonObject } from "../../../format/json/json_text.ts";
import type { BuiltInGuardChoice } from "../../../guard/guard.ts";
import type { Child } from "../../child.ts";
import type { EngineTools } from "../../engine.ts";
import { placeOf } from "../../postgresql/postgresql_address.ts";
import type { PostgresqlClient } from "../../postgresql/postgresql_client.ts";
import { reasonIn } from "../../postgresql/remarks.ts";
import { askServer, type PostgresqlServer } from "../../postgresql/server_facts.ts";
import type { TableColumn, TableDefinition } from "../definition.ts";
import { type TableFormat, type TableName, tableSql, tableText } from "../table_name.ts";
import type { FoundTable, TableReader } from "../table_server.ts";
import { Catalogue, listColumns } from "./catalogue.ts";
import { defineTable } from "./definition_of.ts";
import { ask, commands, inSnapshot, PSQL } from "./session.ts";

/** A snapshot of a database. */
export class PostgresqlReader implements TableReader {
  readonly #client: PostgresqlClient;
  readonly #server: PostgresqlServer;
  readonly #catalogue: Catalogue;
  readonly #keeper: Child;
  readonly #snapshot: string;
  readonly #tools: EngineTools;
  readonly #running = new Set<RunningCopy>();

  private constructor(
    client: PostgresqlClient,
    parts: { server: PostgresqlServer; catalogue: Catalogue; keeper: Child; snapshot: string; tools: EngineTools },
  ) {
    this.#client = client;
    this.#server = parts.server;
    this.#catalogue = parts.catalogue;
    this.#keeper = parts.keeper;
    this.#snapshot = parts.snapshot;
    this.#tools = parts.tools;
  }

  /** Takes the snapshot. Owns the client. Throws `AgentError` if the server cannot be reached or refuses. */
  static async open(client: PostgresqlClient, tools: EngineTools): Promise<PostgresqlReader> {
    const { signal } = tools;
    let keeper: Child | undefined;
    try {
      const server = await askServer(client, { signal });
      keeper = client.start(client.psql, PSQL, { stdin: "piped" });
      const snapshot = await takeSnapshot(keeper, client);
      const catalogue = await Catalogue.read(client, { snapshot, signal });
      return new PostgresqlReader(client, { server, catalogue, keeper, snapshot, tools });
    } catch (error) {
      await keeper?.stop();
      await client[Symbol.asyncDispose]();
      throw error;
    }
  }

  get facts(): JsonObject {
    const { version, lsn, time, database, isStandby } = this.#server;
    return { server: version, database, time, ...lsn === "" ? {} : { lsn }, ...isStandby ? { standby: true } : {} };
  }

  // deno-lint-ignore require-await -- other databases have to ask; errors are rejections here, too
  async find(ids: readonly string[]): Promise<FoundTable[]> {
    return this.#catalogue.find(ids);
  }

  columns(tables: readonly TableName[]): Promise<TableColumn[][]> {
    return listColumns(this.#client, tables, this.#asking);
  }

  define(table: TableName): Promise<TableDefinition> {
    return defineTable(this.#client, table, { ...this.#asking, major: this.#server.major });
  }

  refusal(table: TableName): Promise<string | null> {
    const isReadable = this.#catalogue.relation(table)?.isReadable ?? false;
    return Promise.resolve(isReadable ? null : `the user may not read it: GRANT SELECT ON ${tableText(table)}`);
  }

  async isEmpty(table: TableName): Promise<boolean> {
    return (await ask(this.#client, `SELECT 1 FROM ${tableSql(table)} LIMIT 1`, this.#asking)).length === 0;
  }

  rows(table: TableName, format: TableFormat): JudgedSource {
    const isPartitioned = this.#catalogue.relation(table)?.kind === "p";
    const from = isPartitioned ? `(SELECT * FROM ${tableSql(table)})` : tableSql(table);
    const copy = `COPY ${from} TO STDOUT (FORMAT ${format})`;
    const args = [...PSQL, ...commands([...inSnapshot(this.#snapshot), copy])];
    const start = () => this.#client.start(this.#client.psql, args, { stderr: { take: this.#tools.onStderr } });
    const source = new RunningCopy(start, { table, place: placeOf(this.#client.address) });
    this.#running.add(source);
    return source;
  }

  guard(format: TableFormat): BuiltInGuardChoice {
    return format === "binary" ? "pg_copy" : "none";
  }

  async close(): Promise<void> {
    await Promise.all([...this.#running].map((source) => source.cancel()));
    await this.#keeper.stop();
    await this.#client[Symbol.asyncDispose]();
  }

  get #asking() {
    return { snapshot: this.#snapshot, signal: this.#tools.signal };
  }
}

/** Begins a transaction that stays, and returns the name of its snapshot. */
async function takeSnapshot(keeper: Child, client: PostgresqlClient): Promise<string> {
  const statements = [...inSnapshot(null), "SELECT pg_catalog.pg_export_snapshot()"];
  await keeper.write(new TextEncoder().encode(statements.map((statement) => `${statement};\n`).join("")));
  let text = "";
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(1024);
  while (!text.endsWith("\n")) {
    const read = await keeper.output.read(buffer);
    if (read === null) break;
    text += decoder.decode(buffer.subarray(0, read), { stream: true });
  }
  if (/^[0-9A-F-]+\n$/.test(text)) return text.trim();
  await keeper.exit();
  throw new AgentError(reasonIn(keeper.lastLines, placeOf(client.address)));
}

/** The rows of a table on their way. The program begins when they are first read. */
class RunningCopy implements JudgedSource {
  readonly #start: () => Child;
  readonly #where: { readonly table: TableName; readonly place: string };
  #child: Child | undefined;
  #isCancelled = false;
  #judged: Promise<void> | undefined;

  constructor(start: () => Child, where: { readonly table: TableName; readonly place: string }) {
    this.#start = start;
    this.#where = where;
  }

  async read(target: Uint8Array): Promise<number | null> {
    if (this.#isCancelled) return null;
    this.#child ??= this.#start();
    return await this.#child.output.read(target);
  }

  ended(): Promise<void> {
    if (this.#isCancelled) return Promise.reject(new InterruptedError("The tables were no longer read"));
    return this.#judged ??= this.#judge();
  }

  async cancel(): Promise<void> {
    this.#isCancelled ||= this.#judged === undefined;
    await this.#child?.stop();
  }

  async #judge(): Promise<void> {
    const child = this.#child ??= this.#start();
    const { success } = await child.exit();
    if (success) return;
    const { table, place } = this.#where;
    throw new SourceError(`The table ${tableText(table)} could not be read: ${reasonIn(child.lastLines, place)}`);
  }
}
