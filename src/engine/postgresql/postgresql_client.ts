/**
 * Asks a PostgreSQL server, by the client programs that are installed. They find `~/.pgpass`, service files and their
 * variables as ever; a password of the URL reaches them by a password file of its own, which nobody else may read.
 */
import { AgentError, SourceError } from "../../base/errors.ts";
import { Child, type ChildRequest } from "../child.ts";
import { type ClientMachine, temporaryFolderOf } from "../client/machine.ts";
import { PrivateFolder } from "../client/private_folder.ts";
import { findProgram, type VersionedProgram } from "./client_versions.ts";
import {
  type ConnectionDetails,
  connectionString,
  passwordFileText,
  placeOf,
  type PostgresqlAddress,
} from "./postgresql_address.ts";
import { type ProgramResult, runProgram } from "./program_output.ts";
import { reasonIn } from "./remarks.ts";

/** How long a server may take to answer a client that connects, in seconds, if nobody says otherwise. */
const CONNECT_SECONDS = 30;
const DEFAULT_PORT = "5432";
/** The first version of psql that prints comma-separated values. */
const FIRST_PSQL = 12;

/** How a statement is run. */
export interface QueryOptions {
  /** The database; that of the address by default. */
  readonly database?: string | null | undefined;
  /** Ends the program. */
  readonly signal?: AbortSignal | undefined;
}

/** What came instead of rows. */
interface Refusal {
  /** What failed, where and why, in one line without secrets. */
  readonly message: string;
}

/** A way to a server: programs, and what they need to connect. Nothing is connected yet. */
export class PostgresqlClient implements AsyncDisposable {
  /** Where the server is. */
  readonly address: PostgresqlAddress;
  /** The program that asks. */
  readonly psql: VersionedProgram;
  /** Where the programs run. */
  readonly machine: ClientMachine;
  readonly #folder: PrivateFolder | null;
  readonly #passwordFile: string | null;

  private constructor(
    address: PostgresqlAddress,
    parts: {
      readonly machine: ClientMachine;
      readonly psql: VersionedProgram;
      readonly folder: PrivateFolder | null;
      readonly passwordFile: string | null;
    },
  ) {
    this.address = address;
    this.machine = parts.machine;
    this.psql = parts.psql;
    this.#folder = parts.folder;
    this.#passwordFile = parts.passwordFile;
  }

  /**
   * Finds psql, and writes the password down. Throws `SourceError` if there is no psql, `AgentError` if there is no room
   * for the password, and the reason of an aborted signal.
   */
  static async prepare(
    address: PostgresqlAddress,
    machine: ClientMachine,
    { signal }: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<PostgresqlClient> {
    const psql = await findProgram("psql", machine, { signal });
    if (psql.version.major < FIRST_PSQL) {
      throw new SourceError(
        `psql ${psql.version.major} is too old: install the package postgresql-client-${FIRST_PSQL}, or newer`,
      );
    }
    if (address.password === null) {
      await PrivateFolder.sweep(temporaryFolderOf(machine));
      return new PostgresqlClient(address, { machine, psql, folder: null, passwordFile: null });
    }
    const folder = await PrivateFolder.make(machine.temporaryFolder);
    try {
      const passwordFile = await folder.write("pgpass", passwordFileText(address.password));
      return new PostgresqlClient(address, { machine, psql, folder, passwordFile });
    } catch (error) {
      await folder[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Starts a program of PostgreSQL, connected to a database. Throws `AgentError` if that is not possible. */
  start(
    { path }: VersionedProgram,
    args: readonly string[],
    { database, stdin = "null", stderr = {} }:
      & Partial<Pick<ChildRequest, "stdin" | "stderr">>
      & Pick<QueryOptions, "database"> = {},
  ): Child {
    return Child.start({
      program: path,
      args: [...this.#connection(database), ...args],
      env: this.#environment,
      stdin,
      ownGroup: true,
      stderr,
    });
  }

  /**
   * Runs one statement; resolves to its rows. A value is text as the server gives it, and NULL is the empty text. Throws
   * `AgentError` if the server cannot be reached or refuses.
   */
  async query(sql: string, options: QueryOptions = {}): Promise<string[][]> {
    const result = await this.tryQuery(sql, options);
    if (Array.isArray(result)) return result;
    throw new AgentError(result.message);
  }

  /** Runs one statement as `query` does, but resolves to what the server said if it cannot be reached or refuses. */
  async tryQuery(sql: string, options: QueryOptions = {}): Promise<string[][] | Refusal> {
    // With a space before it, a backslash begins no command of psql itself.
    const args = [...QUERY, `--command= ${sql}`];
    const { output, failure } = await this.run(this.psql, args, {
      ...options,
      parameters: { client_encoding: "UTF8" },
    });
    return failure === null ? parseCsv(output) : { message: reasonIn(failure, placeOf(this.address)) };
  }

  /** Runs a program of PostgreSQL to its end. Throws `AgentError` if it cannot be started, and the signal's reason. */
  run(
    { path }: VersionedProgram,
    args: readonly string[],
    { database, signal, parameters }: QueryOptions & Pick<ConnectionDetails, "parameters"> = {},
  ): Promise<ProgramResult> {
    const all = [...this.#connection(database, parameters), ...args];
    return runProgram({ program: path, args: all, env: this.#environment, signal });
  }

  /** Removes the password. May be called again. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#folder?.[Symbol.asyncDispose]();
  }

  #connection(database: string | null | undefined, parameters: ConnectionDetails["parameters"] = {}): string[] {
    const text = connectionString(this.address, {
      database,
      parameters: { ...this.#defaults, ...parameters },
    });
    return [`--dbname=${text}`, "--no-password"];
  }

  /** What is said for programs that would assume something else, unless the user says it somewhere. */
  get #defaults(): Record<string, string> {
    const { hosts, parameters } = this.address;
    const { environment } = this.machine;
    const hasService = parameters.has("service") || Boolean(environment.PGSERVICE);
    // Debian's psql sets the port of this machine's own server in the environment, even for other hosts.
    const needsPort = hosts.some(({ host }) => host !== null) && hosts.every(({ port }) => port === null);
    return {
      ...hasService || parameters.has("connect_timeout") || environment.PGCONNECT_TIMEOUT
        ? {}
        : { connect_timeout: `${CONNECT_SECONDS}` },
      ...needsPort && !hasService && !environment.PGPORT ? { port: DEFAULT_PORT } : {},
      ...this.#passwordFile === null ? {} : { passfile: this.#passwordFile },
    };
  }

  get #environment(): Readonly<Record<string, string>> {
    return {
      ...this.machine.environment,
      LC_ALL: "C", // Messages in English, which errors are recognised by.
      // The variable would be taken instead of the password file.
      ...this.#passwordFile === null ? {} : { PGPASSWORD: "", PGPASSFILE: this.#passwordFile },
    };
  }
}

const QUERY = [
  "--no-psqlrc",
  "--quiet",
  "--csv",
  "--tuples-only",
  "--set=ON_ERROR_STOP=1",
  "--set=VERBOSITY=terse",
];

/** A name as SQL has it. */
export function quotedName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A text as SQL has it, whatever the server's settings are. */
export function quotedText(text: string): string {
  return `E'${text.replaceAll(/[\\']/g, "\\$&")}'`;
}

/** The records of comma-separated values (RFC 4180) as psql writes them. */
function parseCsv(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  for (const [, quotedField, plain, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^,"\n]*))(,|\n)/g)) {
    row.push(quotedField?.replaceAll('""', '"') ?? plain!);
    if (end === ",") continue;
    rows.push(row);
    row = [];
  }
  return rows;
}
