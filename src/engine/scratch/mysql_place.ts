/** A MariaDB or MySQL server as a place for restores on trial. */
import { AgentError } from "../../base/errors.ts";
import type { ClientMachine } from "../client/machine.ts";
import type { EngineTarget } from "../engine.ts";
import { type Driven, parseEngineUrl } from "../engine_urls.ts";
import { parseMysqlUrl } from "../mysql/mysql_address.ts";
import { MysqlClient, quotedName } from "../mysql/mysql_client.ts";
import { askServer, isSystemDatabase, listDatabases, listTables } from "../mysql/server_facts.ts";
import type { Examined, TestedTable, TestPlace } from "./test_place.ts";

/** What `CHECK TABLE` says of what is well. Views of other databases, and engines without a check, say a note. */
const WELL = new Set(["status", "note", "info"]);

/** ER_NO_SUCH_USER: accounts are not restored, so that a view may have nobody to run as. */
const DEFINER = /definer/i;

/** ER_NO_DB_ERROR: a query names no database, and none was chosen. */
const NO_DATABASE_SELECTED = 1046;

/** A server at a URL. `target` is the same URL's. Throws `AgentError` if it does not answer. */
export async function mysqlPlace(
  url: string,
  target: Driven<EngineTarget>,
  { machine, signal }: { readonly machine: ClientMachine; readonly signal: AbortSignal },
): Promise<TestPlace> {
  const { address } = parseMysqlUrl(parseEngineUrl(url)!);
  const client = await MysqlClient.prepare(address, machine);
  try {
    const { version, isMariaDb } = await askServer(client, { signal });
    const before = new Set((await listDatabases(client, { signal })).map(({ name }) => name));
    const server = `${isMariaDb ? "MariaDB" : "MySQL"} ${version.replace(/-MariaDB.*$/, "")}`;
    return new MysqlPlace(client, { target, server, before });
  } catch (error) {
    await client[Symbol.asyncDispose]();
    throw error;
  }
}

class MysqlPlace implements TestPlace {
  readonly target: Driven<EngineTarget>;
  readonly server: string;
  readonly #client: MysqlClient;
  /** The databases that were there before the restore. */
  readonly #before: ReadonlySet<string>;

  constructor(
    client: MysqlClient,
    { target, server, before }: {
      readonly target: Driven<EngineTarget>;
      readonly server: string;
      readonly before: ReadonlySet<string>;
    },
  ) {
    this.#client = client;
    this.target = target;
    this.server = server;
    this.#before = before;
  }

  async examine(signal: AbortSignal): Promise<Examined> {
    const tables: TestedTable[] = [];
    const [problems, notes]: [string[], string[]] = [[], []];
    for (const database of await this.#restored(signal)) {
      for (const { name, kind } of await listTables(this.#client, database, { signal })) {
        if (kind === "sequence") continue;
        const said = await this.#check(database, name, signal);
        const lacking = said.filter((line) => DEFINER.test(line));
        if (lacking.length > 0) notes.push(...lacking);
        else problems.push(...said);
        if (kind !== "table") continue;
        const rows = await this.#count(database, name, signal);
        tables.push({ name: `${database}.${name}`, rows });
      }
    }
    return { tables, problems, notes };
  }

  async query(sql: string, database: string | null, signal: AbortSignal): Promise<string | null> {
    const restored = await this.#restored(signal);
    const used = database ?? this.#client.address.database ?? (restored.length === 1 ? restored[0]! : null);
    const answer = await this.#client.tryQuery(sql, { database: used, signal });
    if (Array.isArray(answer)) return answer[0]?.[0] ?? null;
    if (answer.number !== NO_DATABASE_SELECTED) throw new AgentError(answer.message);
    throw new AgentError(`The backup holds several databases (${restored.join(", ")}): choose one with --database`);
  }

  async isUp(): Promise<boolean> {
    return Array.isArray(await this.#client.tryQuery("SELECT 1"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client[Symbol.asyncDispose]();
  }

  /** The databases that the restore filled. */
  async #restored(signal: AbortSignal): Promise<string[]> {
    const { database } = this.#client.address;
    if (database !== null) return [database];
    const names = (await listDatabases(this.#client, { signal })).map(({ name }) => name);
    const fresh = names.filter((name) => !isSystemDatabase(name) && !this.#before.has(name));
    if (fresh.length > 0) return fresh;
    throw new AgentError("The restore made no database that was not there before; name an empty server, or a database");
  }

  async #check(database: string, table: string, signal: AbortSignal): Promise<string[]> {
    const rows = await this.#client.query(`CHECK TABLE ${quotedName(database)}.${quotedName(table)}`, { signal });
    return rows.filter(([, , type, text]) => !WELL.has(type!.toLowerCase()) || type === "status" && text !== "OK")
      .map(([name, , type, text]) => `${name}: ${type}: ${text}`);
  }

  async #count(database: string, table: string, signal: AbortSignal): Promise<number> {
    const sql = `SELECT COUNT(*) FROM ${quotedName(database)}.${quotedName(table)}`;
    const [row] = await this.#client.query(sql, { signal });
    return Number(row![0]);
  }
}
