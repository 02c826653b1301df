/** Loads tables into a PostgreSQL database, each in a transaction of its own. */
import { messageOf } from "../../../base/errors.ts";
import type { EngineTools } from "../../engine.ts";
import { PrivateFolder } from "../../client/private_folder.ts";
import { placeOf } from "../../postgresql/postgresql_address.ts";
import type { PostgresqlClient } from "../../postgresql/postgresql_client.ts";
import { reasonIn } from "../../postgresql/remarks.ts";
import { askServer } from "../../postgresql/server_facts.ts";
import type { TableDefinition } from "../definition.ts";
import { type TableName, tableSql, tableText } from "../table_name.ts";
import type { TableLoad, TableLoader, TableToLoad } from "../table_server.ts";
import { Catalogue } from "./catalogue.ts";
import { type LoadPlan, planLoad, type Roles } from "./load_plan.ts";
import { RunningLoad } from "./running_load.ts";
import { ask, commands, PSQL, SETTINGS } from "./session.ts";

interface Parts {
  readonly major: number;
  readonly catalogue: Catalogue;
  readonly roles: Roles;
  readonly folder: PrivateFolder;
  readonly tools: EngineTools;
}

/** A database that takes tables. */
export class PostgresqlLoader implements TableLoader {
  readonly #client: PostgresqlClient;
  readonly #parts: Parts;
  readonly #loaded: TableDefinition[] = [];
  #running: RunningLoad | undefined;
  #count = 0;

  private constructor(client: PostgresqlClient, parts: Parts) {
    this.#client = client;
    this.#parts = parts;
  }

  /** Looks at the database. Owns the client. Throws `AgentError` if the server cannot be reached or refuses. */
  static async open(client: PostgresqlClient, tools: EngineTools): Promise<PostgresqlLoader> {
    const { signal } = tools;
    try {
      const { major } = await askServer(client, { signal });
      const catalogue = await Catalogue.read(client, { signal });
      const rows = await ask<{ readonly role: string; readonly isOwn: boolean }>(
        client,
        `SELECT rolname AS role, pg_has_role(oid, 'MEMBER') AS "isOwn" FROM pg_roles`,
        { signal },
      );
      const spaces = await ask<{ readonly name: string }>(
        client,
        "SELECT quote_ident(spcname) AS name FROM pg_tablespace",
        { signal },
      );
      const roles = {
        tablespaces: new Set(spaces.map(({ name }) => name)),
        known: new Set(rows.map(({ role }) => role)),
        own: new Set(rows.filter(({ isOwn }) => isOwn).map(({ role }) => role)),
      };
      const folder = await PrivateFolder.make(client.machine.temporaryFolder);
      return new PostgresqlLoader(client, { major, catalogue, roles, folder, tools });
    } catch (error) {
      await client[Symbol.asyncDispose]();
      throw error;
    }
  }

  locate(ids: readonly string[]): Promise<(TableName | null)[]> {
    return Promise.resolve(ids.map((id) => {
      const found = this.#parts.catalogue.locate(id);
      return found && { schema: found.schema, name: found.name };
    }));
  }

  async filled(tables: readonly TableName[]): Promise<TableName[]> {
    const filled: TableName[] = [];
    for (const table of tables) {
      if (this.#parts.catalogue.relation(table) === undefined) continue;
      const rows = await ask(this.#client, `SELECT 1 FROM ${tableSql(table)} LIMIT 1`, this.#parts.tools);
      if (rows.length > 0) filled.push(table);
    }
    return filled;
  }

  begin(table: TableToLoad): TableLoad {
    const name = `load-${this.#count++}`;
    const { tools: { onStderr }, folder } = this.#parts;
    const running = new RunningLoad(() => this.#plan(table), { client: this.#client, folder, name, onStderr });
    this.#running = running;
    return {
      write: (bytes) => running.write(bytes),
      cancel: () => running.cancel(),
      end: async () => {
        const failure = await running.end();
        if (failure === null && table.definition !== null) this.#loaded.push(table.definition);
        return failure;
      },
    };
  }

  async finish(): Promise<string[]> {
    const problems: string[] = [];
    for (const table of this.#loaded) {
      for (const statement of table.foreignKeys) {
        const args = [...PSQL, ...commands([SETTINGS, statement])];
        const { failure } = await this.#client.run(this.#client.psql, args, { signal: this.#parts.tools.signal });
        if (failure === null) continue;
        const reason = reasonIn(failure, placeOf(this.#client.address));
        problems.push(`a foreign key of the table ${tableText(table)} could not be made: ${reason}`);
      }
    }
    return problems;
  }

  async close(): Promise<void> {
    await this.#running?.cancel();
    await this.#parts.folder[Symbol.asyncDispose]();
    await this.#client[Symbol.asyncDispose]();
  }

  /** The plan of a table, or why there is none. */
  async #plan(table: TableToLoad): Promise<LoadPlan | { readonly problem: string }> {
    try {
      const { major, roles, tools: { signal } } = this.#parts;
      // A table that was loaded before may have brought a schema, or a partition.
      const catalogue = await Catalogue.read(this.#client, { signal });
      return await planLoad(table, { client: this.#client, major, catalogue, roles, signal });
    } catch (error) {
      this.#parts.tools.signal.throwIfAborted();
      return { problem: messageOf(error) };
    }
  }
}
