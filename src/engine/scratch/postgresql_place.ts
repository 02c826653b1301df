/** A PostgreSQL server as a place for restores on trial. */
import { AgentError } from "../../base/errors.ts";
import type { ClientMachine } from "../client/machine.ts";
import type { EngineTarget } from "../engine.ts";
import { type Driven, parseEngineUrl } from "../engine_urls.ts";
import { parsePostgresqlUrl } from "../postgresql/postgresql_address.ts";
import { PostgresqlClient, quotedName } from "../postgresql/postgresql_client.ts";
import { askAnyDatabase, listDatabases, listTables } from "../postgresql/server_facts.ts";
import { withRoles } from "./dumped_roles.ts";
import type { Examined, TestedTable, TestPlace } from "./test_place.ts";

/** All B-trees of a database, checked with every row of their tables, by the extension `amcheck`. */
const CHECK_INDEXES = `SELECT count(bt_index_check(i.indexrelid::regclass, true)) FROM pg_index i
  JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am a ON a.oid = c.relam
  WHERE a.amname = 'btree' AND c.relpersistence <> 't' AND c.relkind = 'i' AND i.indisready AND i.indisvalid`;

/** A server at a URL. `target` is the same URL's. Throws `AgentError` if it does not answer. */
export async function postgresqlPlace(
  url: string,
  target: Driven<EngineTarget>,
  { machine, signal, mayExtend, makesRoles = false }: {
    readonly machine: ClientMachine;
    readonly signal: AbortSignal;
    /** Whether extensions may be made in what was restored, and roles. */
    readonly mayExtend: boolean;
    /** Whether roles that the dump only names are made. */
    readonly makesRoles?: boolean;
  },
): Promise<TestPlace> {
  const { address } = parsePostgresqlUrl(parseEngineUrl(url)!, []);
  const client = await PostgresqlClient.prepare(address, machine, { signal });
  try {
    const { version, major, database } = await askAnyDatabase(client, [], { signal });
    const before = (await listDatabases(client, { major, database, signal })).map(({ name }) => name);
    const server = `PostgreSQL ${version.replace(/ .*$/, "")}`;
    const makeRoles = async (roles: readonly string[]) => {
      for (const role of roles) await client.tryQuery(`CREATE ROLE ${role}`, { database, signal });
    };
    const taking = makesRoles ? withRoles(target, makeRoles) : target;
    return new PostgresqlPlace(client, { target: taking, server, before: new Set(before), major, mayExtend, database });
  } catch (error) {
    await client[Symbol.asyncDispose]();
    throw error;
  }
}

interface PlaceParts {
  readonly target: Driven<EngineTarget>;
  readonly server: string;
  /** The databases that were there before the restore. */
  readonly before: ReadonlySet<string>;
  readonly major: number;
  readonly mayExtend: boolean;
  /** The database of the server itself. */
  readonly database: string;
}

class PostgresqlPlace implements TestPlace {
  readonly target: Driven<EngineTarget>;
  readonly server: string;
  readonly #client: PostgresqlClient;
  readonly #parts: PlaceParts;

  constructor(client: PostgresqlClient, parts: PlaceParts) {
    this.#client = client;
    this.#parts = parts;
    this.target = parts.target;
    this.server = parts.server;
  }

  async examine(signal: AbortSignal): Promise<Examined> {
    const tables: TestedTable[] = [];
    const problems: string[] = [];
    const notes: string[] = [];
    const databases = await this.#restored(signal);
    for (const database of databases) {
      const found = await this.#checkIndexes(database, signal);
      if (found !== null) (found.isProblem ? problems : notes).push(`${database}: ${found.line}`);
      for (const { schema, name, kind } of await listTables(this.#client, database, { signal })) {
        if (kind !== "table") continue;
        const sql = `SELECT count(*) FROM ONLY ${quotedName(schema)}.${quotedName(name)}`;
        const [row] = await this.#client.query(sql, { database, signal });
        const prefix = databases.length === 1 ? "" : `${database}.`;
        tables.push({ name: `${prefix}${schema}.${name}`, rows: Number(row![0]) });
      }
    }
    return { tables, problems, notes };
  }

  async query(sql: string, database: string | null, signal: AbortSignal): Promise<string | null> {
    const restored = await this.#restored(signal);
    if (database === null && restored.length > 1) {
      throw new AgentError(`The backup holds several databases (${restored.join(", ")}): choose one with --database`);
    }
    const [row] = await this.#client.query(sql, { database: database ?? restored[0]!, signal });
    return row?.[0] ?? null;
  }

  async isUp(): Promise<boolean> {
    return Array.isArray(await this.#client.tryQuery("SELECT 1", { database: this.#parts.database }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client[Symbol.asyncDispose]();
  }

  async #restored(signal: AbortSignal): Promise<string[]> {
    const named = this.#client.address.database;
    const { major, before, database, mayExtend } = this.#parts;
    if (named !== null && !mayExtend) return [named];
    const names = (await listDatabases(this.#client, { major, database, signal })).map(({ name }) => name);
    const fresh = names.filter((name) => !before.has(name));
    if (named === null || fresh.length === 0) return fresh.length > 0 ? fresh : [named ?? database];
    // `pg_dump --create` goes on in a database that it makes itself.
    const others = fresh.filter((name) => name !== named);
    const isUsed = others.length === 0 || (await listTables(this.#client, named, { signal })).length > 0;
    return isUsed ? [named, ...others] : others;
  }

  /** Null if all is well. */
  async #checkIndexes(database: string, signal: AbortSignal): Promise<{ line: string; isProblem: boolean } | null> {
    if (!this.#parts.mayExtend) return null;
    const made = await this.#client.tryQuery("CREATE EXTENSION IF NOT EXISTS amcheck", { database, signal });
    if (!Array.isArray(made)) return { line: `indexes were not checked: ${made.message}`, isProblem: false };
    const checked = await this.#client.tryQuery(CHECK_INDEXES, { database, signal });
    return Array.isArray(checked) ? null : { line: `amcheck: ${checked.message}`, isProblem: true };
  }
}
