/** A stream that is loaded: its first bytes tell what it is, and so which program loads it and how. */
import { Buffer } from "node:buffer";
import { basename } from "node:path";
import { concatBytes, totalLength } from "../../../base/bytes.ts";
import { AgentError, UsageError } from "../../../base/errors.ts";
import { PrivateFolder } from "../../client/private_folder.ts";
import type { TargetStream } from "../../engine.ts";
import type { TakeWords } from "../../words.ts";
import { canRestrict, findProgram, type VersionedProgram } from "../client_versions.ts";
import { CommitFile } from "./commit_file.ts";
import { DumpLoad, type Loader, type LoadPurpose, whereOf } from "./dump_load.ts";
import { type LoadError, LoadRemarks } from "./load_remarks.ts";
import { PlainScript } from "./plain_script.ts";
import { placeOf } from "../postgresql_address.ts";
import type { PostgresqlClient } from "../postgresql_client.ts";
import type { PostgresqlTargetOptions } from "../postgresql_options.ts";
import type { PostgresqlServer } from "../server_facts.ts";

/** How much of a dump is looked at before it is loaded. `pg_dump --clean` begins with what it drops. */
const HEAD_BYTES = 16 * 1024;
const CLUSTER = "-- PostgreSQL database cluster dump";
const DROPS = /^(?:DROP|ALTER TABLE IF EXISTS) /m;
/** What a server says of a role or tablespace that it has: duplicate_object. */
const IS_THERE = "42710";

/** What all loads of a restore have in common. */
export interface LoadTools {
  readonly client: PostgresqlClient;
  readonly options: PostgresqlTargetOptions;
  /** The server as it was at the beginning. */
  readonly server: PostgresqlServer;
  /** The major version of the server that was dumped; null if nobody knows. */
  readonly dumpedMajor: number | null;
  readonly signal: AbortSignal;
  readonly onStderr: TakeWords | undefined;
  /** Takes what could not be loaded though the load went on: a line. */
  readonly onProblem: (problem: string) => void;
}

/** Where a stream goes. */
export interface LoadPlace {
  /** The database; null if the URL names none. */
  readonly database: string | null;
  /** Whether it is known to hold roles and tablespaces. */
  readonly isGlobals: boolean;
  /** Whether the database holds something that is overwritten. */
  readonly isFilled: boolean;
  /** What makes room for tables that are replaced, as one statement; null if nothing is. */
  readonly drops: string | null;
  /** Whether tables come that name their database, which text does only where it goes there by itself. */
  readonly namesDatabase: boolean;
  /** Makes the database if it is missing. */
  readonly make: () => Promise<void>;
}

/** A stream on its way into a server. */
export class StreamLoad implements TargetStream {
  readonly #tools: LoadTools;
  readonly #place: LoadPlace;
  readonly #head: Uint8Array[] = [];
  #load: DumpLoad | undefined;
  #isCancelled = false;

  constructor(tools: LoadTools, place: LoadPlace) {
    this.#tools = tools;
    this.#place = place;
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.#load !== undefined) return await this.#load.write(bytes);
    this.#head.push(bytes.slice());
    if (totalLength(this.#head) >= HEAD_BYTES) await this.#begin();
  }

  async end(): Promise<void> {
    if (this.#load === undefined) await this.#begin();
    await this.#load!.end();
  }

  /** Ends what runs. */
  async cancel(): Promise<void> {
    this.#isCancelled = true;
    await this.#load?.cancel();
  }

  async #begin(): Promise<void> {
    const head = concatBytes(this.#head.splice(0));
    const text = Buffer.from(head.subarray(0, HEAD_BYTES)).toString("latin1");
    this.#load = await (text.startsWith("PGDMP") ? this.#beginArchive() : this.#beginScript(text));
    if (this.#isCancelled) await this.#load.cancel();
    await this.#load.write(head);
  }

  async #beginArchive(): Promise<DumpLoad> {
    const { client, options, server, onStderr } = this.#tools;
    const database = this.#named();
    const program = await this.#pgRestore();
    await this.#place.make();
    const isFilled = this.#place.isFilled && !await this.#dropTables(database);
    // What a table inherits, and drops with another one, cannot be dropped by itself; pg_restore tries.
    const toleratesHarmless = (isFilled || program.version.major > server.major) && !options.singleTransaction;
    const args = [
      ...toleratesHarmless ? [] : ["--exit-on-error"],
      ...isFilled ? ["--clean", "--if-exists"] : [],
      ...options.singleTransaction ? ["--single-transaction"] : [],
      ...options.owner ? [] : ["--no-owner", "--no-privileges"],
    ];
    const remarks = new LoadRemarks(onStderr);
    const stderr = { take: remarks.take, wholeLines: true };
    const child = client.start(program, args, { database, stdin: "piped", stderr });
    return this.#judged({ name: "pg_restore", child, remarks, script: null, commit: null }, {
      isOneTransaction: options.singleTransaction,
      toleratesHarmless,
    });
  }

  /**
   * Drops the tables that those of an archive replace. pg_restore goes on where it cannot drop one, and would add rows to
   * it. Only in one transaction it does not. Returns whether it need not drop anything.
   */
  async #dropTables(database: string): Promise<boolean> {
    const { client, options, signal } = this.#tools;
    const { drops } = this.#place;
    if (drops === null || options.singleTransaction) return false;
    const result = await client.tryQuery(drops, { database, signal });
    if (Array.isArray(result)) return true;
    const { message } = result;
    throw new AgentError(`${message}${this.#hintFor(message)}; the database ${JSON.stringify(database)} is as it was`);
  }

  /** That of the server, if it is there; an older one may do. */
  async #pgRestore(): Promise<VersionedProgram> {
    const { client: { machine }, server: { major }, signal } = this.#tools;
    return await findProgram("pg_restore", machine, { major, signal }).catch(() =>
      findProgram("pg_restore", machine, { signal })
    );
  }

  async #beginScript(head: string): Promise<DumpLoad> {
    const { client, options, server, onStderr } = this.#tools;
    const isCluster = head.includes(CLUSTER);
    const database = isCluster ? server.database : this.#named();
    this.#refuseScript(head, isCluster);
    await this.#place.make();
    const { drops } = this.#place;
    const isOneTransaction = drops !== null || options.singleTransaction && !isCluster;
    const script = new PlainScript(await unguessableKey(client));
    const commit = isOneTransaction ? await CommitFile.prepare(client.machine.temporaryFolder) : null;
    const args = [
      "--no-psqlrc",
      "--quiet",
      // Roles that are there are no reason to stop.
      ...isCluster ? ["--set=VERBOSITY=verbose"] : ["--set=ON_ERROR_STOP=1"],
      ...commit === null ? [] : ["--set=ON_ERROR_STOP=1", "--command=BEGIN"],
      ...drops === null ? [] : [`--command=${drops}`],
      "--file=-",
      ...commit === null ? [] : [`--file=${commit.path}`],
    ];
    const remarks = new LoadRemarks(onStderr);
    const stderr = { take: remarks.take, wholeLines: true };
    const child = client.start(client.psql, args, { database, stdin: "piped", stderr });
    return this.#judged({ name: "psql", child, remarks, script, commit }, {
      isOneTransaction,
      toleratesHarmless: false,
    });
  }

  /** Throws `UsageError` for text that cannot be loaded as the URL asks. */
  #refuseScript(head: string, isCluster: boolean): void {
    const { client: { psql: { version } }, options } = this.#tools;
    const { isGlobals, database, isFilled, drops } = this.#place;
    if (!canRestrict(version)) {
      throw new UsageError(
        `psql ${version.major}.${version.minor} would run commands that a dump holds; install a newer postgresql-client, ` +
          "or load it yourself: agent get SERIES | psql",
      );
    }
    const name = JSON.stringify(database);
    if (this.#place.namesDatabase) {
      throw new UsageError(
        "The dump goes to its database by itself (pg_dumpall, or pg_dump --create), and would not stop at " +
          `${name}: load its tables with psql, as in agent get SERIES --table NAME | psql postgres`,
      );
    }
    if (isCluster && !isGlobals && database !== null) {
      throw new UsageError(`The dump names its databases: leave ${name} out of the target`);
    }
    if (isCluster && !options.globals) {
      throw new UsageError("The dump holds roles, too: give ?globals=yes to load them as well");
    }
    if (!options.owner && !isGlobals) {
      throw new UsageError(
        "A dump in plain text has its owners in it: leave out ?owner=no, or dump with ?format=custom",
      );
    }
    if (isFilled && drops === null && !DROPS.test(head)) {
      const why = `A dump in plain text drops nothing, and the database ${name} is not empty`;
      throw new UsageError(`${why}: name an empty one, or dump with ?format=custom`);
    }
  }

  #named(): string {
    const { database } = this.#place;
    if (database !== null) return database;
    throw new UsageError("The dump is that of one database, whose name it leaves to you: postgresql://HOST/DATABASE");
  }

  #judged(loader: Loader, how: Pick<LoadPurpose, "isOneTransaction" | "toleratesHarmless">): DumpLoad {
    const { onProblem } = this.#tools;
    const { database, isGlobals } = this.#place;
    return new DumpLoad(loader, {
      into: database === null ? "the server" : `the database ${JSON.stringify(database)}`,
      place: placeOf(this.#tools.client.address),
      ...how,
      hintFor: (error) => this.#hintFor(error),
      takeErrors: (errors, script) => {
        for (const error of errors.filter(isProblem)) {
          onProblem(`${isGlobals ? "globals.sql: " : ""}${whereOf(error, script)}${error.reason}`);
        }
      },
    });
  }

  /** What to do about an error of the server. */
  #hintFor(error: string): string {
    const { dumpedMajor, server: { major }, client: { address } } = this.#tools;
    if (/unsupported version \(/.test(error)) {
      const version = dumpedMajor ?? "of the server that was dumped";
      return `; the dump was made by a newer pg_dump: install postgresql-client ${version}`;
    }
    if (/unrecognized configuration parameter/.test(error)) {
      return `; the dump was made for a newer server than this one of version ${major}: dump with ?format=custom`;
    }
    if (/No space left on device|could not extend file/.test(error)) {
      return `; make room on the disk of the server ${placeOf(address)}`;
    }
    if (/role ".*" does not exist/.test(error)) return "; load the roles with ?globals=yes, or give ?owner=no";
    if (/cannot drop inherited constraint/.test(error)) {
      return "; partitions cannot be replaced in one transaction: leave out single-transaction=yes, or restore into " +
        "another database";
    }
    if (/tablespace ".*" does not exist/i.test(error)) {
      return "; make it, or load those of the backup with ?globals=yes";
    }
    if (/other objects depend on it/.test(error)) return "; restore into another database, or drop these yourself";
    if (/permission denied|must be (?:owner|superuser|member)/.test(error)) {
      return "; the user needs the rights for what the dump makes (docs/postgresql.md)";
    }
    if (dumpedMajor !== null && dumpedMajor > major) {
      return `; the dump is of PostgreSQL ${dumpedMajor}, and the server is ${major}`;
    }
    return "";
  }
}

function isProblem({ state, isHarmless }: LoadError): boolean {
  return state !== IS_THERE && !isHarmless;
}

/** Letters and digits that nobody can guess: the name of a folder that the system chose. */
async function unguessableKey({ machine }: PostgresqlClient): Promise<string> {
  await using folder = await PrivateFolder.make(machine.temporaryFolder);
  return basename(folder.path).replaceAll(/[^A-Za-z0-9]/g, "");
}
