/** Loads tables into a MariaDB or MySQL server, one after the other. */
import { UsageError } from "../../../base/errors.ts";
import type { EngineTools } from "../../engine.ts";
import { type MysqlClient, quotedName } from "../../mysql/mysql_client.ts";
import { listDatabases } from "../../mysql/server_facts.ts";
import type { TableDefinition } from "../definition.ts";
import { type TableName, tableText } from "../table_name.ts";
import type { TableLoad, TableLoader, TableToLoad } from "../table_server.ts";
import { findTables, listRelations, type MysqlRelation } from "./mysql_catalogue.ts";
import { nameSql } from "./mysql_definition.ts";
import { MysqlSession } from "./mysql_session.ts";
import { MysqlTableLoad, sweepLoads } from "./mysql_table_load.ts";

interface Parts {
  readonly relations: readonly MysqlRelation[];
  readonly databases: Set<string>;
  readonly tools: EngineTools;
}

/** A server that takes tables. */
export class MysqlLoader implements TableLoader {
  readonly #client: MysqlClient;
  readonly #parts: Parts;
  readonly #loaded: { readonly table: TableName; readonly definition: TableDefinition }[] = [];
  readonly #late: string[] = [];
  readonly #swept = new Set<string>();
  #running: TableLoad | undefined;

  private constructor(client: MysqlClient, parts: Parts) {
    this.#client = client;
    this.#parts = parts;
  }

  /** Looks at the server. Owns the client. Throws `AgentError` if the server cannot be reached or refuses. */
  static async open(client: MysqlClient, tools: EngineTools): Promise<MysqlLoader> {
    try {
      const { signal } = tools;
      const databases = new Set((await listDatabases(client, { signal })).map(({ name }) => name));
      const relations = await listRelations((...statements) => client.query(statements.join(";\n"), { signal }));
      return new MysqlLoader(client, { relations, databases, tools });
    } catch (error) {
      await client[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** A table of any database goes into the one that the URL names, if it names one. */
  place({ schema, name }: TableName): TableName {
    return { schema: this.#client.address.database ?? schema, name };
  }

  locate(ids: readonly string[]): Promise<(TableName | null)[]> {
    return Promise.resolve(ids.map((id) => {
      try {
        const found = findTables(this.#parts.relations, [id], this.#client.address.database);
        return found.length === 1 ? { schema: found[0]!.schema, name: found[0]!.name } : null;
      } catch (error) {
        if (error instanceof UsageError) return null;
        throw error;
      }
    }));
  }

  async filled(tables: readonly TableName[]): Promise<TableName[]> {
    const filled: TableName[] = [];
    for (const table of tables) {
      if (!this.#parts.relations.some(({ schema, name }) => schema === table.schema && name === table.name)) continue;
      const sql = `SELECT 1 FROM ${nameSql(table)} LIMIT 1`;
      if ((await this.#client.query(sql, { signal: this.#parts.tools.signal })).length > 0) filled.push(table);
    }
    return filled;
  }

  begin(load: TableToLoad): TableLoad {
    const { table, definition } = load;
    const { databases } = this.#parts;
    const running = this.#running = new MysqlTableLoad(load, {
      open: (signal = this.#parts.tools.signal) => this.#open(table.schema, signal),
      hasDatabase: (name) => databases.has(name),
      madeDatabase: (name) => databases.add(name),
    });
    return {
      write: (bytes) => running.write(bytes),
      cancel: () => running.cancel(),
      end: async () => {
        const failure = await running.end();
        if (running.lateProblem !== null) this.#late.push(running.lateProblem);
        if (failure === null && definition !== null) this.#loaded.push({ table, definition });
        return failure;
      },
    };
  }

  async finish(): Promise<string[]> {
    const problems = [...this.#late];
    for (const { table, definition } of this.#loaded) {
      for (const statement of definition.foreignKeys) {
        const { tools: { signal } } = this.#parts;
        const sql = `SET SESSION foreign_key_checks = 1;\nUSE ${quotedName(table.schema)};\n${statement};`;
        const made = await this.#client.tryQuery(sql, { signal });
        if (Array.isArray(made)) continue;
        problems.push(`a foreign key of the table ${tableText(table)} could not be made: ${made.message}`);
      }
    }
    return problems;
  }

  async close(): Promise<void> {
    await this.#running?.cancel();
    await this.#client[Symbol.asyncDispose]();
  }

  async #open(database: string, signal: AbortSignal): Promise<MysqlSession> {
    const { tools, databases } = this.#parts;
    if (databases.has(database) && !this.#swept.has(database)) {
      this.#swept.add(database);
      await sweepLoads(this.#client, database, { signal });
    }
    return await MysqlSession.open(this.#client, { ...tools, signal });
  }
}
