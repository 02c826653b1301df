/**
 * Databases of MariaDB or MySQL as a source: one dump program reads all of them in one transaction, so that they have one
 * position. The accounts of the server are a stream of their own.
 */
import { interruptible } from "../../base/abort.ts";
import { type JudgedSource, sourceOfStream } from "../../base/byte_source.ts";
import { AgentError, InterruptedError, SourceError } from "../../base/errors.ts";
import type { JsonObject } from "../../format/json/json_text.ts";
import { parseStreamPath } from "../../format/manifest/series.ts";
import type { GuardChoice } from "../../guard/guard.ts";
import type { Child } from "../child.ts";
import { ignoredInVain } from "../client/ignored_tables.ts";
import type { ClientMachine } from "../client/machine.ts";
import type { EngineSource, EngineStream, OpenSource, SourceEnd, SourceRequest } from "../engine.ts";
import type { TakeWords } from "../words.ts";
import { type Accounts, readAccounts } from "./accounts.ts";
import { DumpPositionReader } from "./dump_position.ts";
import { dumpProgramFor, planDump } from "./dump_plan.ts";
import { placeOf } from "./mysql_address.ts";
import { MysqlClient, refusalIn } from "./mysql_client.ts";
import { type MysqlSourceOptions, optionsJson } from "./mysql_options.ts";
import {
  askServer,
  databasesNamed,
  isSystemDatabase,
  listDatabases,
  listTables,
  type MysqlDatabase,
  type MysqlServer,
} from "./server_facts.ts";
import { tableHistory } from "./table_history.ts";
import { unseenObjects } from "./unseen_objects.ts";

/** The path of the dump in a backup. */
export const DUMP = parseStreamPath("dump.sql");
/** The path of the accounts in a backup. */
export const ACCOUNTS = parseStreamPath("users.sql");

/** Databases that can be dumped. */
export class MysqlSource implements EngineSource {
  readonly #options: MysqlSourceOptions;
  readonly #machine: ClientMachine;

  constructor(options: MysqlSourceOptions, machine: ClientMachine) {
    this.#options = options;
    this.#machine = machine;
  }

  get options(): JsonObject {
    return optionsJson(this.#options);
  }

  open({ signal, onStderr }: SourceRequest): Promise<OpenSource> {
    return interruptible(signal, () =>
      orSourceError(async () => {
        const client = await MysqlClient.prepare(this.#options.address, this.#machine);
        try {
          return new OpenMysqlSource(client, { ...await this.#look(client, signal), onStderr });
        } catch (error) {
          await client[Symbol.asyncDispose]();
          throw error;
        }
      }));
  }

  /** Asks the server for all that must be known before the dump begins. */
  async #look(client: MysqlClient, signal: AbortSignal): Promise<Omit<Run, "onStderr">> {
    const server = await askServer(client, { signal });
    const databases = this.#chosen(await listDatabases(client, { signal }), client);
    const program = client.find(dumpProgramFor(server));
    const options = await client.optionsOf(program, signal);
    const { ignored, users, routines, history, address: { database } } = this.#options;
    const dumped = { single: database, databases: databases.map(({ name }) => name), ignored, routines, history };
    const unseen = await unseenObjects(client, server, dumped, { signal });
    const { isDumped: pastRows, problem } = await tableHistory(client, server, dumped, { options, signal });
    const plan = planDump({ ...dumped, pastRows }, server, options);
    const accounts = users ? await readAccounts({ client, server, program, options, signal }) : null;
    const notes = [...plan.notes, ...await this.#ignoredInVain(dumped.databases, client, signal)];
    signal.throwIfAborted();
    const problems = [...unseen, ...problem === null ? [] : [problem]];
    return { server, databases, program, args: plan.args, notes, accounts, unseen: problems };
  }

  async #ignoredInVain(databases: readonly string[], client: MysqlClient, signal: AbortSignal): Promise<string[]> {
    const { ignored } = this.#options;
    const known = new Set<string>();
    for (const database of ignored.length === 0 ? [] : databases) {
      for (const { name } of await listTables(client, database, { signal })) known.add(`${database}.${name}`);
    }
    return ignoredInVain(ignored, known);
  }

  #chosen(known: readonly MysqlDatabase[], client: MysqlClient): readonly MysqlDatabase[] {
    const { databases, address } = this.#options;
    if (databases !== null) return databasesNamed(databases, known, client);
    const all = known.filter(({ name }) => !isSystemDatabase(name));
    if (all.length > 0) return all;
    throw new AgentError(`The server ${placeOf(address)} has no database that the user may see; see the user's rights`);
  }
}

/** What a run of the dump program is made of. */
interface Run {
  readonly server: MysqlServer;
  readonly databases: readonly MysqlDatabase[];
  readonly program: string;
  /** The arguments of the program. */
  readonly args: readonly string[];
  /** What people should know about the dump, a line each. */
  readonly notes: readonly string[];
  /** Null if they are not wanted. */
  readonly accounts: Accounts | null;
  /** What may be missing in the dump, a line each. */
  readonly unseen: readonly string[];
  readonly onStderr: TakeWords | undefined;
}

class OpenMysqlSource implements OpenSource {
  readonly #client: MysqlClient;
  readonly #run: Run;
  readonly #position = new DumpPositionReader();
  #child: Child | undefined;
  #isCancelled = false;
  #judged: Promise<void> | undefined;

  constructor(client: MysqlClient, run: Run) {
    this.#client = client;
    this.#run = run;
  }

  async *items(): AsyncIterable<EngineStream> {
    const { server, accounts } = this.#run;
    const guard: GuardChoice = server.isMariaDb ? "mariadb-dump" : "mysqldump";
    yield { kind: "stream", path: DUMP, source: this.#dump(), guard };
    if (accounts === null || "problem" in accounts) return;
    const source = sourceOfStream(new Blob([accounts.text]).stream());
    yield { kind: "stream", path: ACCOUNTS, source, guard: accounts.guard };
  }

  async finish(): Promise<SourceEnd> {
    await this.#judge();
    await this.#client[Symbol.asyncDispose]();
    const { server, databases, accounts, notes, unseen } = this.#run;
    const position: JsonObject = {
      server: server.version,
      ...this.#position.position(),
      databases: databases.map((database) => ({ ...database })),
    };
    const problems = [...unseen, ...accounts !== null && "problem" in accounts ? [accounts.problem] : []];
    return { position, metadata: null, problems, notes };
  }

  async cancel(): Promise<void> {
    this.#isCancelled = true;
    await this.#child?.stop();
    await this.#client[Symbol.asyncDispose]();
  }

  #dump(): JudgedSource {
    return {
      read: (target) => this.#read(target),
      cancel: async () => {
        this.#isCancelled ||= this.#judged === undefined;
        await this.#child?.stop();
      },
      ended: () => this.#judge(),
    };
  }

  async #read(target: Uint8Array): Promise<number | null> {
    if (this.#isCancelled) return null;
    const count = await this.#started().output.read(target);
    if (count !== null) this.#position.push(target.subarray(0, count));
    return count;
  }

  /** The program begins when its dump is first read: it holds a transaction open. */
  #started(): Child {
    const { program, args, onStderr } = this.#run;
    return this.#child ??= this.#client.start(program, args, { stderr: { take: onStderr, wholeLines: true } });
  }

  #judge(): Promise<void> {
    if (this.#isCancelled) return Promise.reject(new InterruptedError("The dump was stopped; nothing was committed"));
    return this.#judged ??= this.#judgeExit();
  }

  async #judgeExit(): Promise<void> {
    const child = this.#started();
    const { success, code, signal } = await child.exit();
    if (success) return;
    const name = this.#run.program.replace(/^.*\//, "");
    const how = signal ? `was ended by ${signal}` : `exited with ${code}`;
    const { number, message } = refusalIn(child.lastLines, this.#client.address);
    const said = child.lastLines.length === 0 ? "" : `: ${message}`;
    throw new SourceError(`${name} ${how}${said}${hintFor(number)}; nothing was committed`);
  }
}

/** What to do about an error of the dump program. */
function hintFor(number: number): string {
  // ER_VIEW_INVALID, ER_NO_SUCH_USER.
  if (number === 1356 || number === 1449) return "; mend the view, drop it, or leave it out with ?ignore=DATABASE.VIEW";
  // CR_SERVER_LOST: a server waits for a reader as long as net_write_timeout says.
  if (number === 2013) return "; if the repository was slow, raise net_write_timeout of the server";
  // ER_DBACCESS_DENIED_ERROR, ER_TABLEACCESS_DENIED_ERROR, ER_SPECIFIC_ACCESS_DENIED_ERROR.
  if ([1044, 1142, 1227].includes(number)) return "; see which rights a backup needs in docs/mysql.md";
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
