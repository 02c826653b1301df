/** One dump on its way into a server, through the client program: what it must not do, and how its end is judged. */
import { AgentError, InterruptedError } from "../../../base/errors.ts";
import type { Child } from "../../child.ts";
import type { TargetStream } from "../../engine.ts";
import type { TakeWords } from "../../words.ts";
import { confinedArguments } from "../confinement.ts";
import { placeOf } from "../mysql_address.ts";
import { type ClientOptions, type MysqlClient, refusalIn } from "../mysql_client.ts";
import { OwnDatabaseLines } from "./own_database.ts";

/** How a dump is loaded. */
interface LoadOptions {
  /** The database that it is loaded into; null if the dump names its own. */
  readonly database: string | null;
  /** The client program's own list of options. */
  readonly options: ClientOptions;
  readonly onStderr: TakeWords | undefined;
  /** Called with the bytes before the server gets them; throws if it must not. */
  readonly inspect: (bytes: Uint8Array) => Promise<void>;
}

/** A dump that is being loaded. */
export class MysqlLoad implements TargetStream {
  readonly #client: MysqlClient;
  readonly #options: LoadOptions;
  readonly #child: Child;
  readonly #drained: Promise<void>;
  /** Keeps a dump of one database to the one that it is loaded into. */
  readonly #lines: OwnDatabaseLines | null;
  #isCancelled = false;

  constructor(client: MysqlClient, load: LoadOptions) {
    this.#client = client;
    this.#options = load;
    this.#lines = load.database === null ? null : new OwnDatabaseLines();
    const { options, database, onStderr } = load;
    const args = confinedArguments(options);
    this.#child = client.start(client.program, [...args, ...database === null ? [] : [`--database=${database}`]], {
      stdin: "piped",
      stderr: { take: onStderr, wholeLines: true },
    });
    this.#drained = drain(this.#child);
  }

  async write(bytes: Uint8Array): Promise<void> {
    await this.#options.inspect(bytes);
    await this.#pass(this.#lines === null ? bytes : this.#lines.push(bytes));
  }

  async end(): Promise<void> {
    if (this.#lines !== null) await this.#pass(this.#lines.finish());
    await this.#child.closeInput();
    const { success } = await this.#child.exit();
    if (!success || this.#isCancelled) await this.#fail();
    await this.#drained;
    await this.#child.stop();
  }

  async #pass(bytes: Uint8Array): Promise<void> {
    if (this.#isCancelled || bytes.length > 0 && !await this.#child.write(bytes)) await this.#fail();
  }

  /** Ends the client. */
  async cancel(): Promise<void> {
    this.#isCancelled = true;
    await this.#child.stop();
    await this.#drained;
  }

  async #fail(): Promise<never> {
    await this.#child.closeInput();
    const { code, signal } = await this.#child.exit();
    await this.#child.stop();
    const { database } = this.#options;
    const holds = `${
      database === null ? "the server" : `the database ${JSON.stringify(database)}`
    } holds a part of the backup`;
    if (this.#isCancelled) throw new InterruptedError(`The load was stopped; ${holds}`);
    const lines = this.#child.lastLines;
    if (lines.length === 0) {
      const how = signal ? `was ended by ${signal}` : `exited with ${code}`;
      throw new AgentError(`${this.#client.program} ${how}; ${holds}`);
    }
    const { number, message, line } = refusalIn(lines, this.#client.address);
    const where = line === null ? "" : `Line ${line} of the dump: `;
    throw new AgentError(`${where}${message}${hintFor(number, message, placeOf(this.#client.address))}; ${holds}`);
  }
}

/** What to do about an error of the server. */
function hintFor(number: number, message: string, place: string): string {
  // ER_DISK_FULL, ER_RECORD_FILE_FULL, ER_ERROR_ON_WRITE, and the system's error 28.
  if (number === 1021 || number === 1114 || /No space left on device|[Ee]rrno: 28\b/.test(message)) {
    return `; make room on the disk of the server ${place}`;
  }
  if (number === 1046) return "; name the database behind the host: mysql://HOST/DATABASE";
  if (number === 1227 || number === 1044 || number === 1142) {
    return "; the user needs the rights of what the dump makes, and SET USER or SUPER for objects of other users";
  }
  if (number === 1050) return "; the dump drops nothing (--skip-add-drop-table): drop the table yourself";
  if (number === 1153) return "; raise max_allowed_packet of the server";
  // CR_SERVER_GONE_ERROR, CR_SERVER_LOST.
  if (number === 2006 || number === 2013) {
    return "; it also hangs up on a row that is larger than its max_allowed_packet: raise that if rows are large";
  }
  // ER_UNKNOWN_COLLATION, ER_UNKNOWN_CHARACTER_SET.
  if (number === 1273 || number === 1115) {
    return "; the dump is of a newer server, or of the other one of MariaDB and MySQL: load it there, or change the name " +
      "in the dump";
  }
  // ER_TABLE_NOT_LOCKED: the default of a column takes numbers from a sequence.
  if (number === 1100) return "; dump with --skip-add-locks";
  return "";
}

/** Reads and forgets what a client prints. */
async function drain({ output }: Child): Promise<void> {
  const piece = new Uint8Array(16 * 1024);
  while (await output.read(piece).catch(() => null) !== null);
}
