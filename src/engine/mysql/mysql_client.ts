/**
 * Asks a MariaDB or MySQL server, by the client program that is installed. The program finds its option files as ever;
 * a password of the URL reaches it by an option file of its own, which nobody else may read.
 */
import { onAbort } from "../../base/abort.ts";
import { AgentError } from "../../base/errors.ts";
import { Child } from "../child.ts";
import { type ClientProgram, findClientProgram } from "../client/client_program.ts";
import type { ClientMachine } from "../client/machine.ts";
import { PrivateFolder } from "../client/private_folder.ts";
import { type MysqlAddress, placeOf } from "./mysql_address.ts";
import { optionFileText } from "./option_file.ts";

/** The client program of either system. */
const CLIENT: ClientProgram = {
  names: ["mariadb", "mysql"],
  debianPackage: "mariadb-client",
  purpose: "to talk to MariaDB or MySQL",
};
/** How long the server may take to answer a client that connects. */
const CONNECT_SECONDS = 30;

/** What came instead of rows. */
export interface Refusal {
  /** The number of the error: below 2000 the server's, then the client's; 0 if the program told none. */
  readonly number: number;
  /** What failed, where and why, in one line without secrets. */
  readonly message: string;
}

/** How statements are run. */
export interface QueryOptions {
  /** The database that is used. */
  readonly database?: string | null;
  /** Ends the program. */
  readonly signal?: AbortSignal;
}

/** A way to a server: programs, and what they need to connect. Nothing is connected yet. */
export class MysqlClient implements AsyncDisposable {
  /** Where the server is. */
  readonly address: MysqlAddress;
  readonly #machine: ClientMachine;
  readonly #program: string;
  readonly #folder: PrivateFolder | null;
  readonly #optionFile: string | null;

  private constructor(
    address: MysqlAddress,
    { machine, program, folder, optionFile }: {
      machine: ClientMachine;
      program: string;
      folder: PrivateFolder | null;
      optionFile: string | null;
    },
  ) {
    this.address = address;
    this.#machine = machine;
    this.#program = program;
    this.#folder = folder;
    this.#optionFile = optionFile;
  }

  /**
   * Finds the client program, and writes the password down for it. Throws `SourceError` if there is no client program,
   * and `AgentError` if there is no room for the password.
   */
  static async prepare(address: MysqlAddress, machine: ClientMachine): Promise<MysqlClient> {
    const program = findClientProgram(CLIENT, machine.environment.PATH ?? "");
    if (address.password === null) {
      return new MysqlClient(address, { machine, program, folder: null, optionFile: address.optionFile });
    }
    const folder = await PrivateFolder.make(machine.temporaryFolder);
    try {
      const { password, optionFile } = address;
      const text = optionFileText({ password, optionFile, home: machine.environment.HOME ?? null });
      return new MysqlClient(address, { machine, program, folder, optionFile: await folder.write(".my.cnf", text) });
    } catch (error) {
      await folder[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The client program. */
  get program(): string {
    return this.#program;
  }

  /** A program of the client packages. Throws `SourceError` if it is not there. */
  find(program: ClientProgram): string {
    return findClientProgram(program, this.#machine.environment.PATH ?? "");
  }

  /** The first arguments of every client program, without the password. */
  get connection(): readonly string[] {
    const { user, host, port, socket, optionFile, password } = this.address;
    const place = socket !== null ? ["--protocol=socket", `--socket=${socket}`] : [
      ...host === null ? [] : [`--host=${host}`],
      // Without it, clients take the socket for localhost, whatever the port.
      ...port === null ? [] : [`--port=${port}`, "--protocol=tcp"],
    ];
    const file = optionFile !== null
      ? [`--defaults-file=${this.#optionFile}`]
      : password !== null
      ? [`--defaults-extra-file=${this.#optionFile}`]
      : [];
    return [...file, ...user === null ? [] : [`--user=${user}`], ...place, "--default-character-set=utf8mb4"];
  }

  /** The variables for client programs. */
  get environment(): Readonly<Record<string, string>> {
    const { environment } = this.#machine;
    // The file ~/.my.cnf is read last, so that its password would be taken instead of that of the URL.
    return this.#folder === null || this.address.optionFile !== null
      ? environment
      : { ...environment, HOME: this.#folder.path };
  }

  /**
   * Runs statements; resolves to the rows of their results, one after the other. A value is text as the server gives
   * it; NULL is the text `NULL`, so queries use COALESCE where that could be data. Throws `AgentError` if the server
   * cannot be reached or refuses.
   */
  async query(sql: string, options: QueryOptions = {}): Promise<string[][]> {
    const result = await this.tryQuery(sql, options);
    if (Array.isArray(result)) return result;
    throw new AgentError(result.message);
  }

  /** Runs statements as `query` does, but resolves to what the server said if it cannot be reached or refuses. */
  async tryQuery(sql: string, { database = null, signal }: QueryOptions = {}): Promise<string[][] | Refusal> {
    signal?.throwIfAborted();
    const child = this.#startClient(database);
    using _stopping = signal && onAbort(signal, () => void child.stop());
    try {
      const written = child.write(new TextEncoder().encode(sql)).then(() => child.closeInput());
      const [output] = await Promise.all([textOf(child), written]);
      const { success } = await child.exit();
      signal?.throwIfAborted();
      return success ? rowsOf(output) : refusalIn(child.lastLines, this.address);
    } finally {
      await child.stop();
    }
  }

  /** Removes the password. May be called again. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#folder?.[Symbol.asyncDispose]();
  }

  #startClient(database: string | null): Child {
    const asked = ["--batch", "--skip-column-names", "--binary-mode", `--connect-timeout=${CONNECT_SECONDS}`];
    const args = [...this.connection, ...asked, ...database === null ? [] : [`--database=${database}`]];
    return Child.start({
      program: this.#program,
      args,
      env: this.environment,
      stdin: "piped",
      ownGroup: true,
      stderr: {},
    });
  }
}

/**
 * Runs statements on a server as a client of their own. See `MysqlClient.query`, and `MysqlClient.prepare` for what it
 * throws besides.
 */
export async function runQuery(
  address: MysqlAddress,
  sql: string,
  { machine, ...options }: QueryOptions & { readonly machine: ClientMachine },
): Promise<string[][]> {
  await using client = await MysqlClient.prepare(address, machine);
  return await client.query(sql, options);
}

/** A name of a database, table or user within a statement, in backticks. */
export function quotedName(name: string): string {
  return `\`${name.replaceAll("`", "``")}\``;
}

/** Text within a statement, in quotes. */
export function quotedText(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`;
}

/** What the last lines of a client program tell. */
export function refusalIn(lines: readonly string[], address: MysqlAddress): Refusal {
  const line = lines.findLast((one) => NUMBERED.test(one)) ?? lines.at(-1) ?? "it gave no reason";
  const number = Number(NUMBERED.exec(line)?.[1] ?? 0);
  return { number, message: wordsFor(number, reasonIn(line), placeOf(address)) };
}

/** `ERROR 1045 (28000): …` of mariadb, `mariadb-dump: Got error: 1045: "…"`, `mariadb-dump: Error 2013: …`. */
const NUMBERED = /\b[Ee](?:RROR|rror):? (\d+)/;

/** Errors of the client (2000 to 2999) and of the server that mean that there is no connection. */
const UNREACHABLE = new Set([2002, 2003, 2004, 2005, 2026]);
const LOST = new Set([2006, 2013, 2055]);
const WRONG_CREDENTIALS = new Set([1045, 1698, 1862, 3118, 4151]);

function wordsFor(number: number, reason: string, place: string): string {
  if (UNREACHABLE.has(number)) {
    return `Cannot reach the server ${place}: ${reason}; see whether it runs there, and what host, port or socket it has`;
  }
  if (LOST.has(number)) return `The server ${place} went away: ${reason}; see its log`;
  if (WRONG_CREDENTIALS.has(number)) {
    return `The server ${place} refuses the user: ${reason}; see user and password in the URL or in ~/.my.cnf`;
  }
  return `The server ${place} refuses: ${reason}`;
}

/** A line of a client program without its beginning, `ERROR 1045 (28000): ` or `mariadb-dump: Got error: 1045: `. */
function reasonIn(line: string): string {
  return line.replace(/^.*?ERROR \d+ \([0-9A-Z]{5}\)(?: at line \d+)?(?: in file: '[^']*')?: /, "")
    .replace(/^\S*?(?:mariadb|mysql)[\w.-]*: (?:Got error: \d+: )?/, "");
}

async function textOf(child: Child): Promise<string> {
  const stream = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const piece = new Uint8Array(64 * 1024);
      const count = await child.output.read(piece);
      if (count === null) controller.close();
      else controller.enqueue(piece.subarray(0, count));
    },
  });
  return await new Response(stream).text();
}

/** The rows of `--batch`: fields are separated by tabs, and what would be mistaken for an end is escaped. */
function rowsOf(output: string): string[][] {
  const lines = output.split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines.map((line) => line.split("\t").map(unescaped));
}

const ESCAPED: Readonly<Record<string, string>> = { n: "\n", t: "\t", "0": "\0", "\\": "\\" };

function unescaped(field: string): string {
  return field.replaceAll(/\\([nt0\\])/g, (_, letter: string) => ESCAPED[letter]!);
}
