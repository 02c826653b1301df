/**
 * Asks a MariaDB or MySQL server, by the client program that is installed. The program finds its option files as ever;
 * a password of the URL reaches it by an option file of its own, which nobody else may read.
 */
import { onAbort } from "../../base/abort.ts";
import type { ByteSource } from "../../base/byte_source.ts";
import { concatBytes } from "../../base/bytes.ts";
import { AgentError } from "../../base/errors.ts";
import { Child, type ChildRequest } from "../child.ts";
import { type ClientProgram, findClientProgram } from "../client/client_program.ts";
import { type ClientMachine, temporaryFolderOf } from "../client/machine.ts";
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
interface Refusal {
  /** The number of the error: below 2000 the server's, then the client's; 0 if the program told none. */
  readonly number: number;
  /** What failed, where and why, in one line without secrets. */
  readonly message: string;
  /** The line of what the program read, from 1; null if it told none. */
  readonly line: number | null;
}

/** The options of a client program. */
export interface ClientOptions {
  /** Whether it has an option, without the dashes. */
  has(option: string): boolean;
  /** Whether its help has a word, such as the value of an option. */
  words(word: string): boolean;
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
      await PrivateFolder.sweep(temporaryFolderOf(machine));
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

  /**
   * Starts a program of the client packages, connected to the server. Throws `AgentError` if that is not possible.
   */
  start(
    program: string,
    args: readonly string[],
    { stdin = "null", stderr = {} }: Partial<Pick<ChildRequest, "stdin" | "stderr">> = {},
  ): Child {
    return Child.start({
      program,
      args: [...this.#connection, ...args],
      env: this.#environment,
      stdin,
      ownGroup: true,
      stderr,
    });
  }

  /** What a program of the client packages can do: its own list of options. */
  async optionsOf(program: string, signal?: AbortSignal): Promise<ClientOptions> {
    signal?.throwIfAborted();
    const args = ["--no-defaults", "--help"];
    const child = Child.start({ program, args, env: this.#environment, stdin: "null", ownGroup: true, stderr: {} });
    using _stopping = signal && onAbort(signal, () => void child.stop());
    try {
      const help = await textOf(child.output);
      await child.exit();
      signal?.throwIfAborted();
      return { has: (option) => help.includes(`--${option}`), words: (word) => help.includes(word) };
    } finally {
      await child.stop();
    }
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
    const asked = ["--batch", "--skip-column-names", "--binary-mode", `--connect-timeout=${CONNECT_SECONDS}`];
    const args = [...asked, ...database === null ? [] : [`--database=${database}`]];
    const child = this.start(this.#program, args, { stdin: "piped" });
    using _stopping = signal && onAbort(signal, () => void child.stop());
    try {
      const written = child.write(new TextEncoder().encode(sql)).then(() => child.closeInput());
      const [output] = await Promise.all([textOf(child.output), written]);
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

  /** The first arguments of every client program, without the password. */
  get #connection(): readonly string[] {
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
  get #environment(): Readonly<Record<string, string>> {
    const { environment } = this.#machine;
    // The file ~/.my.cnf is read last, so that its password would be taken instead of that of the URL.
    return this.#folder === null || this.address.optionFile !== null
      ? environment
      : { ...environment, HOME: this.#folder.path };
  }
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
  const line = lines.findLast((one) => NUMBERED.test(one) || one.startsWith("ERROR ")) ?? lines.at(-1) ??
    "it gave no reason";
  const [, first, last] = NUMBERED.exec(line) ?? [];
  const number = Number(first ?? last ?? 0);
  const at = /^ERROR \d+ \([0-9A-Z]{5}\) at line (\d+)|^ERROR at line (\d+)/.exec(line);
  return {
    number,
    message: wordsFor(number, reasonIn(line), placeOf(address)),
    line: at && Number(at[1] ?? at[2]),
  };
}

/**
 * `ERROR 1045 (28000): …` of mariadb, `mariadb-dump: Got error: 1045: "…"`, `mariadb-dump: Error 2013: …`, and
 * `mariadb-dump: Couldn't execute '…': … (1142)`.
 */
const NUMBERED = /\b[Ee](?:RROR|rror):? (\d+)|Couldn't execute .*\((\d{4})\)$/;

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
  return line.replace(/^.*?ERROR(?: \d+ \([0-9A-Z]{5}\))?(?: at line \d+)?(?: in file: '[^']*')?: /, "")
    .replace(/^\S*?(?:mariadb|mysql)[\w.-]*: (?:Got error: \d+: )?/, "")
    // The statement is the program's own and may be long.
    .replace(/^Couldn't execute '.*': /, "");
}

async function textOf(output: ByteSource): Promise<string> {
  return new TextDecoder().decode(await bytesOf(output));
}

/** Everything that a program wrote, which has to fit into memory. */
export async function bytesOf(output: ByteSource): Promise<Uint8Array<ArrayBuffer>> {
  const pieces: Uint8Array[] = [];
  for (;;) {
    const piece = new Uint8Array(64 * 1024);
    const count = await output.read(piece);
    if (count === null) return concatBytes(pieces);
    pieces.push(piece.subarray(0, count));
  }
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
