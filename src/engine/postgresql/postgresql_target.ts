/**
 * A PostgreSQL server as a target. A database that is missing is made; one that holds something is refused, unless it
 * may be overwritten. No database is ever dropped.
 */
import { interruptible } from "../../base/abort.ts";
import { AgentError, UsageError } from "../../base/errors.ts";
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
  UsedObject,
} from "../engine.ts";
import { refuseTables } from "../client/refuse_tables.ts";
import { dropsOf, usedObjects } from "./load/present_objects.ts";
import { createDatabase, type DumpedDatabase, dumpedDatabases, dumpedMajor } from "./load/dumped_databases.ts";
import { GLOBALS } from "./dump_plan.ts";
import { type LoadPlace, type LoadTools, StreamLoad } from "./load/stream_load.ts";
import { placeOf } from "./postgresql_address.ts";
import { PostgresqlClient, quotedName } from "./postgresql_client.ts";
import type { PostgresqlTargetOptions } from "./postgresql_options.ts";
import {
  askAnyDatabase,
  askServer,
  contentOf,
  listTables,
  type PostgresqlServer,
  type PostgresqlTable,
} from "./server_facts.ts";

/** A server that takes dumps. */
export class PostgresqlTarget implements EngineTarget {
  readonly #options: PostgresqlTargetOptions;
  readonly #machine: ClientMachine;

  constructor(options: PostgresqlTargetOptions, machine: ClientMachine) {
    this.#options = options;
    this.#machine = machine;
  }

  open(request: TargetRequest): Promise<OpenTarget> {
    const { signal } = request;
    const { address } = this.#options;
    if (address.database !== null && /^template[01]$/.test(address.database)) {
      throw new UsageError(`${address.database} is what new databases are made of; name another one`);
    }
    return interruptible(signal, async () => {
      const client = await PostgresqlClient.prepare(address, this.#machine, { signal });
      try {
        const isOfService = address.database === null && address.parameters.has("service");
        const server = isOfService
          ? await askServer(client, { signal })
          : await askAnyDatabase(client, address.database === null ? [] : [address.database], { signal });
        const { database } = server;
        const rows = await client.query("SELECT datname FROM pg_database", { database, signal });
        const existing = new Set(rows.map(([name]) => name!));
        const run = { ...request, options: this.#options, server, existing };
        const target = new OpenPostgresqlTarget(client, isOfService ? database : address.database, run);
        await target.refuseFilled();
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
  readonly options: PostgresqlTargetOptions;
  readonly server: PostgresqlServer;
  /** The databases that the server had at the beginning. */
  readonly existing: ReadonlySet<string>;
}

class OpenPostgresqlTarget implements OpenTarget {
  readonly #client: PostgresqlClient;
  /** The only database that is restored into; null if every one comes back under its name. */
  readonly #database: string | null;
  readonly #run: Run;
  /** What the backup says about its dumps; null for dumps that no engine made. */
  #dumped: readonly DumpedDatabase[] | null = null;
  #dumpedMajor: number | null = null;
  /** Databases that hold something that is overwritten. */
  readonly #filled = new Set<string>();
  readonly #made = new Set<string>();
  /** The tables that those of the dump replace. */
  #replaced: readonly PostgresqlTable[] = [];
  readonly #problems: string[] = [];
  #hasLeftGlobals = false;
  /** Whether the backup is one of chosen schemas, `public` among them. */
  #hasPublicSchema = false;
  #dumps = 0;
  #running: StreamLoad | undefined;

  constructor(client: PostgresqlClient, database: string | null, run: Run) {
    this.#client = client;
    this.#database = database;
    this.#run = run;
  }

  /** Throws `UsageError` if a database holds anything and may not be overwritten. */
  async refuseFilled(database: string | null = this.#database): Promise<void> {
    const { overwrite, existing, signal } = this.#run;
    if (database === null) return;
    if (this.#tables !== null) return await this.#refuseTables(database, this.#tables);
    if (!existing.has(database)) return;
    const content = await contentOf(this.#client, { database, signal });
    if (content === null) return;
    this.#filled.add(database);
    if (overwrite) return;
    throw new UsageError(
      `The database ${JSON.stringify(database)} on the PostgreSQL server ${placeOf(this.#client.address)} is not ` +
        `empty, it has ${content}: --overwrite replaces what the backup has, and leaves all else`,
    );
  }

  /** Tables that are restored into a database that may have others; null for whole backups. */
  get #tables(): RestoredTables | null {
    const { tables } = this.#run;
    return tables === undefined || tables.isWhole ? null : tables;
  }

  /** Throws `UsageError` if a table is there that must not be replaced, or is not there for the rows that come. */
  async #refuseTables(database: string, { tables, isDataOnly }: RestoredTables): Promise<void> {
    const { overwrite, existing, signal } = this.#run;
    const there = existing.has(database) ? await listTables(this.#client, database, { signal }) : [];
    const byName = new Map(there.map((table) => [nameOf(table), table]));
    const isEmpty = async (name: string) => {
      const { schema, name: own, kind } = byName.get(name)!;
      if (kind === "sequence") return true;
      const sql = `SELECT EXISTS(SELECT FROM ${quotedName(schema)}.${quotedName(own)})`;
      return (await this.#client.query(sql, { database, signal }))[0]![0] === "f";
    };
    const place = `The database ${JSON.stringify(database)} on the PostgreSQL server ${placeOf(this.#client.address)}`;
    const wanted = tables.map(nameOf);
    await refuseTables({ place, wanted, isThere: (name) => byName.has(name), isEmpty }, { overwrite, isDataOnly });
    this.#replaced = isDataOnly ? [] : wanted.flatMap((name) => byName.get(name) ?? []);
    if (this.#replaced.length > 0) this.#filled.add(database);
  }

  async present(): Promise<(object: UsedObject) => boolean> {
    const { existing, signal, tables } = this.#run;
    const database = this.#database ?? this.#dumped?.find(({ stream }) => stream === tables?.stream)?.name ?? null;
    if (database === null || !existing.has(database)) return () => false;
    return await usedObjects(this.#client, { database, signal });
  }

  async beginLevel({ position, options }: RestoredLevel): Promise<void> {
    if (options === null) return;
    this.#dumpedMajor = dumpedMajor(position);
    this.#hasPublicSchema = Array.isArray(options.schemas) && options.schemas.includes("public");
    const { tables } = this.#run;
    const dumped = this.#dumped = dumpedDatabases(position).filter(({ stream }) =>
      tables === undefined || stream === tables.stream
    );
    const [first] = dumped;
    const names = dumped.map(({ name }) => name).join(", ");
    if (this.#database !== null && dumped.length > 1) {
      throw new UsageError(
        `The backup names its databases (${names}): leave ${JSON.stringify(this.#database)} out of the target`,
      );
    }
    if (this.#database === null && first !== undefined && !first.stream.includes("/")) {
      throw new UsageError(
        `The backup is that of one database, whose name it leaves to you: postgresql://HOST/${first.name}`,
      );
    }
    for (const { name } of dumped) if (this.#database === null) await this.refuseFilled(name);
  }

  async take({ path, kind }: RestoredItem): Promise<TargetStream | null> {
    await this.#running?.cancel();
    if (kind !== "stream") throw this.#foreign(path);
    if (this.#dumped !== null && path === GLOBALS) {
      if (this.#run.options.globals) {
        return this.#load({
          database: null,
          isGlobals: true,
          make: () => Promise.resolve(),
        });
      }
      this.#hasLeftGlobals = true;
      return NOWHERE;
    }
    const dumped = this.#dumped?.find(({ stream }) => stream === path);
    if (this.#dumped !== null && dumped === undefined) throw this.#foreign(path);
    const database = this.#database ?? dumped?.name ?? null;
    if (this.#database !== null && ++this.#dumps > 1) {
      throw new UsageError(
        `The backup holds several dumps, which would all go into ${JSON.stringify(database)}: restore them one by ` +
          `one, as in agent get SERIES --file ${path} | psql ${database}`,
      );
    }
    const make = async () => {
      if (database === null) return;
      await this.#make(database, dumped);
      await this.#makeRoom(database);
    };
    return this.#load({ database, isGlobals: false, make });
  }

  endLevel(): Promise<void> {
    return Promise.resolve();
  }

  async finish(): Promise<TargetEnd> {
    await this.#client[Symbol.asyncDispose]();
    const note =
      `The roles and tablespaces of the backup (${GLOBALS}) were not loaded: add globals=yes to the target if you want them`;
    return { problems: this.#problems, notes: this.#hasLeftGlobals ? [note] : [] };
  }

  async cancel(): Promise<void> {
    await this.#running?.cancel();
    await this.#client[Symbol.asyncDispose]();
  }

  #load(place: Pick<LoadPlace, "database" | "isGlobals" | "make">): StreamLoad {
    const { options, server, onStderr, signal } = this.#run;
    const tools: LoadTools = {
      client: this.#client,
      options,
      server,
      dumpedMajor: this.#dumpedMajor,
      signal,
      onStderr,
      onProblem: (problem) => void this.#problems.push(problem),
    };
    const isFilled = place.database !== null && this.#filled.has(place.database);
    return this.#running = new StreamLoad(tools, {
      ...place,
      isFilled,
      drops: dropsOf(this.#replaced),
      namesDatabase: this.#run.tables?.tables.some(({ database }) => database !== null) ?? false,
    });
  }

  /** Makes a database that is missing, as the source had it if that is known. */
  async #make(name: string, as: DumpedDatabase | undefined): Promise<void> {
    const { existing, server: { database, major }, signal } = this.#run;
    if (existing.has(name) || this.#made.has(name)) return;
    const result = await this.#client.tryQuery(createDatabase(name, as, major), { database, signal });
    if (!Array.isArray(result)) {
      throw new AgentError(
        `Cannot make the database ${JSON.stringify(name)}: ${result.message}; make it yourself, empty, and try again`,
      );
    }
    this.#made.add(name);
  }

  /** The dump of chosen schemas makes `public` as it makes others, though every new database has it. */
  async #makeRoom(database: string): Promise<void> {
    if (!this.#hasPublicSchema || this.#filled.has(database)) return;
    if (this.#tables !== null && this.#run.existing.has(database)) return;
    // Where an extension is in it, it stays, and the load says so.
    await this.#client.tryQuery("DROP SCHEMA IF EXISTS public", { database, signal: this.#run.signal });
  }

  #foreign(path: string): AgentError {
    return new AgentError(
      `The backup is not one of databases: it has "${path}"; restore it with --target DIR --raw`,
    );
  }
}

/** A table by schema and name, as people write it. */
function nameOf({ schema, name }: { readonly schema: string | null; readonly name: string }): string {
  return `${schema ?? "public"}.${name}`;
}

/** Takes what is not wanted. */
const NOWHERE: TargetStream = { write: () => Promise.resolve(), end: () => Promise.resolve() };
