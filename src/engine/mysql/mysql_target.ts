/**
 * A MariaDB or MySQL server as a target: a dump goes through its client program. A database that is missing is made; one
 * that holds something is refused, unless it may be overwritten. Nothing is ever dropped but what the dump drops.
 */
import { interruptible } from "../../base/abort.ts";
import { AgentError, UsageError } from "../../base/errors.ts";
import type { JsonObject, JsonValue } from "../../format/json/json_text.ts";
import type { ClientMachine } from "../client/machine.ts";
import type {
  EngineTarget,
  OpenTarget,
  RestoredItem,
  RestoredLevel,
  RestoredTables,
  TargetEnd,
  TargetRequest,
  TargetStream,
} from "../engine.ts";
import { refuseTables } from "../client/refuse_tables.ts";
import { DumpDatabases } from "./load/dump_databases.ts";
import { placeOf } from "./mysql_address.ts";
import { type ClientOptions, MysqlClient, quotedName, quotedText } from "./mysql_client.ts";
import { MysqlLoad } from "./load/mysql_load.ts";
import type { MysqlTargetOptions } from "./mysql_options.ts";
import { ACCOUNTS, DUMP } from "./mysql_source.ts";
import { isSystemDatabase, listDatabases, listTables } from "./server_facts.ts";

/** A server that takes dumps. */
export class MysqlTarget implements EngineTarget {
  readonly #options: MysqlTargetOptions;
  readonly #machine: ClientMachine;

  constructor(options: MysqlTargetOptions, machine: ClientMachine) {
    this.#options = options;
    this.#machine = machine;
  }

  open({ signal, onStderr, overwrite, tables }: TargetRequest): Promise<OpenTarget> {
    const { address, users } = this.#options;
    const { database } = address;
    if (database !== null && isSystemDatabase(database)) {
      throw new UsageError(`${database} is the server's own database, which no dump may overwrite; name another one`);
    }
    return interruptible(signal, async () => {
      const client = await MysqlClient.prepare(address, this.#machine);
      try {
        const existing = new Set((await listDatabases(client, { signal })).map(({ name }) => name));
        const options = await client.optionsOf(client.program, signal);
        const run = { users, overwrite, signal, onStderr, existing, options, ...tables && { tables } };
        const target = new OpenMysqlTarget(client, run);
        if (database !== null) await target.refuseFilled(database);
        return target;
      } catch (error) {
        await client[Symbol.asyncDispose]();
        throw error;
      }
    });
  }
}

/** What a restore is done with. */
interface Run extends TargetRequest {
  readonly users: boolean;
  /** The databases that the server had at the beginning. */
  readonly existing: ReadonlySet<string>;
  /** The client program's own list of options. */
  readonly options: ClientOptions;
}

class OpenMysqlTarget implements OpenTarget {
  readonly #client: MysqlClient;
  readonly #run: Run;
  #isOwn = false;
  /** How many dumps came that go into the one database. */
  #dumps = 0;
  #running: MysqlLoad | undefined;
  #hasLeftAccounts = false;

  constructor(client: MysqlClient, run: Run) {
    this.#client = client;
    this.#run = run;
  }

  /** Throws `UsageError` if a database holds anything and may not be overwritten. */
  async refuseFilled(database: string): Promise<void> {
    const { overwrite, existing, signal, tables } = this.#run;
    if (tables !== undefined && !tables.isWhole) return await this.#refuseTables(database, tables);
    if (overwrite || !existing.has(database)) return;
    const [count] = await this.#client.query(
      `SELECT ${countIn("TABLES", "TABLE_SCHEMA", database)} +
      ${countIn("ROUTINES", "ROUTINE_SCHEMA", database)} + ${countIn("EVENTS", "EVENT_SCHEMA", database)}`,
      { signal },
    );
    if (count![0] === "0") return;
    throw new UsageError(
      `The database ${JSON.stringify(database)} on the server ${placeOf(this.#client.address)} is not empty: ` +
        "--overwrite replaces its tables of the same names, and leaves all others",
    );
  }

  /** Throws `UsageError` if a table is there that must not be replaced, or is not there for the rows that come. */
  async #refuseTables(database: string, { tables, isDataOnly }: RestoredTables): Promise<void> {
    const { overwrite, existing, signal } = this.#run;
    const isNamed = this.#client.address.database !== null;
    const wanted = tables.filter((table) => isNamed || table.database === null || table.database === database);
    const there = existing.has(database) ? await listTables(this.#client, database, { signal }) : [];
    const names = new Set(there.map(({ name }) => name));
    const isEmpty = async (name: string) => {
      const sql = `SELECT EXISTS(SELECT 1 FROM ${quotedName(database)}.${quotedName(name)})`;
      return (await this.#client.query(sql, { signal }))[0]![0] === "0";
    };
    const place = `The database ${JSON.stringify(database)} on the server ${placeOf(this.#client.address)}`;
    await refuseTables({ place, wanted: wanted.map(({ name }) => name), isThere: (name) => names.has(name), isEmpty }, {
      overwrite,
      isDataOnly,
    });
  }

  async beginLevel({ position, options }: RestoredLevel): Promise<void> {
    const { database } = this.#client.address;
    this.#isOwn = options !== null;
    const databases = databasesOf(position);
    if (options !== null && (options.database === null) !== (database === null)) {
      throw new UsageError(
        database === null
          ? `The backup is that of one database, whose name it leaves to you: mysql://HOST/${
            databases[0]?.name ?? "NAME"
          }`
          : `The backup names its databases (${databases.map(({ name }) => name).join(", ")}): leave ${
            JSON.stringify(database)
          } out of the target`,
      );
    }
    if (database === null) {
      for (const { name } of databases) if (this.#isMeant(name)) await this.refuseFilled(name);
    } else if (!this.#run.existing.has(database)) await this.#make(database, databases[0]);
  }

  async take({ path, kind }: RestoredItem): Promise<TargetStream | null> {
    await this.#running?.cancel();
    if (kind !== "stream" || this.#isOwn && path !== DUMP && path !== ACCOUNTS) {
      throw new AgentError(`The backup is not one of databases: it has "${path}"; restore it with --target DIR --raw`);
    }
    const isAccounts = this.#isOwn && path === ACCOUNTS;
    if (isAccounts && !this.#run.users) {
      this.#hasLeftAccounts = true;
      return NOWHERE;
    }
    const { database } = this.#client.address;
    if (database !== null && !isAccounts && ++this.#dumps > 1) {
      throw new UsageError(
        `The backup holds several dumps, which would all go into ${
          JSON.stringify(database)
        }: restore them one by one, as ` +
          `in agent get SERIES --file ${path} | mariadb ${database}`,
      );
    }
    return this.#running = this.#load(isAccounts ? null : database, isAccounts);
  }

  /** Whether anything goes into a database: if tables are restored, only into their own. */
  #isMeant(database: string): boolean {
    const { tables } = this.#run;
    return tables === undefined || tables.tables.some((table) => table.database === database);
  }

  endLevel(): Promise<void> {
    return Promise.resolve();
  }

  async finish(): Promise<TargetEnd> {
    await this.#client[Symbol.asyncDispose]();
    const note =
      `The accounts of the backup (${ACCOUNTS}) were not loaded: add users=yes to the target if you want them`;
    return { problems: [], notes: this.#hasLeftAccounts ? [note] : [] };
  }

  async cancel(): Promise<void> {
    await this.#running?.cancel();
    await this.#client[Symbol.asyncDispose]();
  }

  #load(database: string | null, isAccounts: boolean): MysqlLoad {
    const { options, onStderr } = this.#run;
    const named = new DumpDatabases();
    const inspect = async (bytes: Uint8Array) => {
      for (const name of named.push(bytes)) await this.#permit(name, database);
    };
    const nothing = () => Promise.resolve();
    return new MysqlLoad(this.#client, { database, options, onStderr, inspect: isAccounts ? nothing : inspect });
  }

  /** Throws `UsageError` if a dump must not switch to a database. */
  async #permit(name: string, database: string | null): Promise<void> {
    if (database === null) return await this.refuseFilled(name);
    throw new UsageError(
      `The dump switches to the database ${JSON.stringify(name)} by itself: leave ${
        JSON.stringify(database)
      } out of the ` +
        "target, or load that database alone",
    );
  }

  async #make(name: string, as: DumpedDatabase | undefined): Promise<void> {
    const defaults = as === undefined
      ? ""
      : ` CHARACTER SET ${quotedText(as.characterSet)} COLLATE ${quotedText(as.collation)}`;
    const result = await this.#client.tryQuery(`CREATE DATABASE ${quotedName(name)}${defaults}`, {
      signal: this.#run.signal,
    });
    if (Array.isArray(result)) return;
    throw new AgentError(
      `Cannot make the database ${JSON.stringify(name)}: ${result.message}; make it yourself, empty, and try again`,
    );
  }
}

/** Takes what is not wanted. */
const NOWHERE: TargetStream = { write: () => Promise.resolve(), end: () => Promise.resolve() };

function countIn(view: string, column: string, database: string): string {
  return `(SELECT COUNT(*) FROM information_schema.${view} WHERE ${column} = ${quotedText(database)})`;
}

/** A database as the source of a backup had it. */
interface DumpedDatabase {
  readonly name: string;
  readonly characterSet: string;
  readonly collation: string;
}

/** The databases in the position of a backup. Another version of this program may have written something else there. */
function databasesOf(position: JsonObject | null): DumpedDatabase[] {
  const listed: JsonValue | undefined = position?.databases;
  if (!Array.isArray(listed)) return [];
  return listed.flatMap((one: JsonValue) => {
    if (typeof one !== "object" || one === null || Array.isArray(one)) return [];
    const { name, characterSet, collation } = one as JsonObject;
    const isWhole = [name, characterSet, collation].every((text) => typeof text === "string");
    return isWhole ? [{ name, characterSet, collation } as DumpedDatabase] : [];
  });
}
