/**
 * Databases of a PostgreSQL server as a source: each goes through pg_dump into a stream of its own, from one snapshot.
 * Everything that must be known is asked before the first dump begins. What was committed before `lsn` of the position
 * is in all of them.
 */
import { interruptible } from "../../base/abort.ts";
import { type JudgedSource, sourceOfStream } from "../../base/byte_source.ts";
import { AgentError, InterruptedError, SourceError } from "../../base/errors.ts";
import type { JsonObject } from "../../format/json/json_text.ts";
import type { Child } from "../child.ts";
import { ignoredInVain } from "../client/ignored_tables.ts";
import type { ClientMachine } from "../client/machine.ts";
import type { EngineSource, EngineStream, OpenSource, SourceEnd, SourceRequest } from "../engine.ts";
import type { TakeWords } from "../words.ts";
import { findProgram, type VersionedProgram } from "./client_versions.ts";
import { type DumpPlan, GLOBALS, planDump } from "./dump_plan.ts";
import { type Globals, readGlobals } from "./globals.ts";
import { placeOf } from "./postgresql_address.ts";
import { PostgresqlClient } from "./postgresql_client.ts";
import { optionsJson, type PostgresqlSourceOptions } from "./postgresql_options.ts";
import { reasonIn } from "./remarks.ts";
import {
  askAnyDatabase,
  askServer,
  databasesNamed,
  listDatabases,
  listExtensions,
  listTables,
  type PostgresqlDatabase,
  type PostgresqlExtension,
  type PostgresqlServer,
} from "./server_facts.ts";

/** Databases that can be dumped. */
export class PostgresqlSource implements EngineSource {
  readonly #options: PostgresqlSourceOptions;
  readonly #machine: ClientMachine;

  constructor(options: PostgresqlSourceOptions, machine: ClientMachine) {
    this.#options = options;
    this.#machine = machine;
  }

  get options(): JsonObject {
    return optionsJson(this.#options);
  }

  open({ signal, onStderr }: SourceRequest): Promise<OpenSource> {
    return interruptible(signal, () =>
      orSourceError(async () => {
        const client = await PostgresqlClient.prepare(this.#options.address, this.#machine, { signal });
        try {
          return new OpenPostgresqlSource(client, { ...await this.#look(client, signal), onStderr });
        } catch (error) {
          await client[Symbol.asyncDispose]();
          throw error;
        }
      }));
  }

  async #look(client: PostgresqlClient, signal: AbortSignal): Promise<Omit<Run, "onStderr">> {
    const server = await this.#askServer(client, signal);
    const { major, database } = server;
    const all = await listDatabases(client, { database, major, signal });
    const chosen = this.#chosen(all, client, database);
    const pgDump = await findProgram("pg_dump", this.#machine, { major, signal });
    const dumps: Dump[] = [];
    for (const one of chosen.filter(({ isOpen }) => isOpen)) {
      const extensions = await listExtensions(client, { database: one.name, signal });
      dumps.push({ database: one, extensions, plan: planDump(one, this.#options) });
    }
    const notes = await this.#ignoredInVain(dumps.map(({ database }) => database.name), client, signal);
    const globals = this.#options.globals ? await readGlobals(client, server, signal) : null;
    signal.throwIfAborted();
    const closed = chosen.filter(({ isOpen }) => !isOpen).map(({ name }) => name);
    return { server, pgDump, dumps, closed, globals, notes };
  }

  async #ignoredInVain(databases: readonly string[], client: PostgresqlClient, signal: AbortSignal): Promise<string[]> {
    const { ignored } = this.#options;
    const known = new Set<string>();
    for (const database of ignored.length === 0 ? [] : databases) {
      for (const { schema, name } of await listTables(client, database, { signal })) {
        known.add(name).add(`${schema}.${name}`);
      }
    }
    return ignoredInVain(ignored, known);
  }

  /** A database that is not there is found out with the names of all others. */
  async #askServer(client: PostgresqlClient, signal: AbortSignal): Promise<PostgresqlServer> {
    const { isSingle, address: { database }, databases } = this.#options;
    if (isSingle && database === null) return await askServer(client, { signal });
    return await askAnyDatabase(client, database === null ? [...databases ?? []] : [database], { signal });
  }

  #chosen(
    all: readonly PostgresqlDatabase[],
    client: PostgresqlClient,
    connected: string,
  ): readonly PostgresqlDatabase[] {
    const { isSingle, databases } = this.#options;
    if (!isSingle && databases === null) return all;
    const names = databases ?? [this.#options.address.database ?? connected];
    const chosen = databasesNamed(names, all, client);
    const closed = chosen.find(({ isOpen }) => !isOpen);
    if (closed === undefined) return chosen;
    throw new AgentError(`The user may not connect to the database ${JSON.stringify(closed.name)}; ${MAY_CONNECT}`);
  }
}

const MAY_CONNECT = "GRANT CONNECT ON DATABASE to the user";

/** A database that is dumped. */
interface Dump {
  readonly database: PostgresqlDatabase;
  readonly extensions: readonly PostgresqlExtension[];
  readonly plan: DumpPlan;
}

/** What is known before the first dump. */
interface Run {
  readonly server: PostgresqlServer;
  readonly pgDump: VersionedProgram;
  readonly dumps: readonly Dump[];
  /** The databases that the user may not connect to. */
  readonly closed: readonly string[];
  /** Null if they are not wanted. */
  readonly globals: Globals | null;
  /** What people should know about the dumps, a line each. */
  readonly notes: readonly string[];
  readonly onStderr: TakeWords | undefined;
}

class OpenPostgresqlSource implements OpenSource {
  readonly #client: PostgresqlClient;
  readonly #run: Run;
  readonly #running: RunningDump[] = [];
  #isCancelled = false;

  constructor(client: PostgresqlClient, run: Run) {
    this.#client = client;
    this.#run = run;
  }

  async *items(): AsyncIterable<EngineStream> {
    const { dumps, globals, pgDump, onStderr } = this.#run;
    for (const { database: { name }, plan } of dumps) {
      const { path, guard } = plan;
      const start = () =>
        this.#client.start(pgDump, plan.args, { database: name, stderr: { take: onStderr, wholeLines: true } });
      const source = new RunningDump(start, { name, place: placeOf(this.#client.address) });
      this.#running.push(source);
      yield { kind: "stream", path, source, guard };
    }
    if (globals === null || "problem" in globals) return;
    const source = sourceOfStream(new Blob([globals.text]).stream());
    yield { kind: "stream", path: GLOBALS, source, guard: "pg_dumpall" };
  }

  async finish(): Promise<SourceEnd> {
    if (this.#isCancelled) throw new InterruptedError("The dump was stopped; nothing was committed");
    for (const dump of this.#running) await dump.ended();
    await this.#client[Symbol.asyncDispose]();
    const { globals, closed } = this.#run;
    const warnings = this.#running.flatMap((dump) => dump.warnings);
    const problems = [
      ...warnings.filter(isOmission),
      ...closed.map((name) => `the database ${JSON.stringify(name)}: the user may not connect; ${MAY_CONNECT}`),
      ...globals !== null && "problem" in globals ? [globals.problem] : [],
    ];
    const notes = [
      ...this.#run.notes,
      ...warnings.filter((warning) => !isOmission(warning)),
      ...globals !== null && "notes" in globals ? globals.notes : [],
    ];
    return { position: this.#position(), metadata: null, problems, notes };
  }

  async cancel(): Promise<void> {
    this.#isCancelled = true;
    await Promise.all(this.#running.map((dump) => dump.cancel()));
    await this.#client[Symbol.asyncDispose]();
  }

  #position(): JsonObject {
    const { server: { version, lsn, timeline, time, isStandby }, dumps, pgDump } = this.#run;
    return {
      server: version,
      ...isStandby ? { standby: true } : {},
      ...lsn === "" ? {} : { lsn },
      ...timeline === null ? {} : { timeline },
      time,
      pgDump: `${pgDump.version.major}.${pgDump.version.minor}`,
      databases: dumps.map(({ database, extensions, plan }) => {
        const { name, encoding, collation, characterType, localeProvider, locale } = database;
        return {
          name,
          stream: plan.path,
          encoding,
          collation,
          characterType,
          localeProvider,
          ...locale === "" ? {} : { locale },
          extensions: extensions.map((extension) => ({ ...extension })),
        };
      }),
    };
  }
}

/** One dump. Its program begins when it is first read: it holds a transaction open. */
class RunningDump implements JudgedSource {
  readonly #start: () => Child;
  readonly #where: { readonly name: string; readonly place: string };
  #child: Child | undefined;
  #isCancelled = false;
  #judged: Promise<void> | undefined;
  #warnings: readonly string[] = [];

  constructor(start: () => Child, where: { readonly name: string; readonly place: string }) {
    this.#start = start;
    this.#where = where;
  }

  /** What pg_dump warned of, after its end. */
  get warnings(): readonly string[] {
    return this.#warnings;
  }

  async read(target: Uint8Array): Promise<number | null> {
    if (this.#isCancelled) return null;
    return await this.#started().output.read(target);
  }

  ended(): Promise<void> {
    if (this.#isCancelled) return Promise.reject(new InterruptedError("The dump was stopped; nothing was committed"));
    return this.#judged ??= this.#judge();
  }

  /** A dump that ended well stays one. */
  async cancel(): Promise<void> {
    this.#isCancelled ||= this.#judged === undefined;
    await this.#child?.stop();
  }

  #started(): Child {
    return this.#child ??= this.#start();
  }

  async #judge(): Promise<void> {
    const child = this.#started();
    const { success, code, signal } = await child.exit();
    const { name, place } = this.#where;
    if (success) {
      const warnings = child.lastLines.flatMap((line) => /: warning: (.*)$/.exec(line)?.[1] ?? []);
      this.#warnings = warnings.map((warning) => `the database ${JSON.stringify(name)}: ${warning}`);
      return;
    }
    const how = signal ? `was ended by ${signal}` : `exited with ${code}`;
    const said = child.lastLines.length === 0 ? "" : `: ${reasonIn(child.lastLines, place)}`;
    const hint = hintFor(child.lastLines.join("\n"));
    throw new SourceError(`pg_dump of ${JSON.stringify(name)} ${how}${said}${hint}; nothing was committed`);
  }
}

/** Whether pg_dump warned that it left something out: `subscriptions not dumped because …`. */
function isOmission(warning: string): boolean {
  return /not dumped/.test(warning);
}

/** What to do about an error of pg_dump. */
function hintFor(said: string): string {
  if (/permission denied/.test(said)) return "; see which rights a backup needs in docs/postgresql.md";
  if (/row-level security/.test(said)) return "; dump as the owner, or as a role with BYPASSRLS";
  if (/no matching schemas/.test(said)) return "; see the names in ?schema=";
  return "";
}

async function orSourceError<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof AgentError) || error instanceof InterruptedError) throw error;
    throw new SourceError(`${error.message}; nothing was committed`, { cause: error });
  }
}
