/**
 * One connection to a MariaDB or MySQL server, kept open: the client program, which gets statements one after the other
 * and prints their rows. A transaction and its snapshot last as long as it runs.
 */
import { randomBytes } from "node:crypto";
import { onAbort } from "../../../base/abort.ts";
import { concatBytes } from "../../../base/bytes.ts";
import { AgentError } from "../../../base/errors.ts";
import { encodeHex } from "../../../base/hex.ts";
import type { Child } from "../../child.ts";
import { confinedArguments } from "../../mysql/confinement.ts";
import { type MysqlClient, refusalIn, rowsOf } from "../../mysql/mysql_client.ts";
import type { TakeWords } from "../../words.ts";

/** The client prints rows as they come, with what would be mistaken for an end of a field escaped. */
const CLIENT_OPTIONS = ["--quick", "--unbuffered", "--skip-column-names", "--comments", "--connect-timeout=30"];

/** Bytes that no option file may make the client print otherwise, and how it prints them. */
const PROBE = { sql: "SELECT X'095C0A0061', NULL", printed: "\\t\\\\\\n\\0a\tNULL" };

/**
 * Settings under which text means the same in every server: quotes and backslashes, times in UTC, no limits of time. A
 * value that does not fit is an error, but dates may be what the server took them for before.
 */
const SETTINGS = "SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO,STRICT_ALL_TABLES,ALLOW_INVALID_DATES', " +
  "time_zone = '+00:00', wait_timeout = 2147483, net_read_timeout = 86400, net_write_timeout = 86400, " +
  // MariaDB's name, and that of MySQL. Rows that were there need not pass checks that came later.
  "/*M!100201 check_constraint_checks = 0, max_statement_time = 0, */ /*!50708 max_execution_time = 0, */ " +
  "sql_quote_show_create = 1, foreign_key_checks = 1, unique_checks = 1, sql_select_limit = DEFAULT";

/** How a session is opened. */
interface SessionOptions {
  /** Ends the program. */
  readonly signal: AbortSignal;
  readonly onStderr?: TakeWords | undefined;
}

/** A connection. Statements are given one after the other. */
export class MysqlSession {
  readonly #client: MysqlClient;
  readonly #child: Child;
  readonly #stopping: Disposable;
  /** What the last row of each statement is: nobody else knows it. */
  readonly #token: string;
  /** What ends a statement. The client takes no more than 15 bytes. */
  readonly #delimiter: string;
  #pieces: Uint8Array<ArrayBuffer>[] = [];
  #isUsable = true;

  private constructor(client: MysqlClient, child: Child, { signal }: SessionOptions) {
    this.#client = client;
    this.#child = child;
    const digits = encodeHex(randomBytes(22));
    this.#token = `end-${digits.slice(12)}`;
    this.#delimiter = `//${digits.slice(0, 12)}`;
    this.#stopping = onAbort(signal, () => void this.close());
  }

  /** Connects. Throws `AgentError` if the server cannot be reached or refuses. */
  static async open(client: MysqlClient, options: SessionOptions): Promise<MysqlSession> {
    const { signal, onStderr } = options;
    const known = await client.optionsOf(client.program, signal);
    const child = client.start(client.program, [...confinedArguments(known), ...CLIENT_OPTIONS], {
      stdin: "piped",
      stderr: { take: onStderr, wholeLines: true },
    });
    const session = new MysqlSession(client, child, options);
    try {
      await session.#write(`delimiter ${session.#delimiter}\n`);
      const printed = await session.#lines([SETTINGS, PROBE.sql]);
      if (printed.join("\n") === PROBE.printed) return session;
      throw new AgentError("The client program prints rows in another form: see [client] and [mysql] in ~/.my.cnf");
    } catch (error) {
      await session.close();
      throw error;
    }
  }

  /** Runs statements; resolves to their rows, as `MysqlClient.query` does. Throws `AgentError` after which none can run. */
  async ask(...statements: readonly string[]): Promise<string[][]> {
    const lines = await this.#lines(statements);
    return rowsOf(lines.map((line) => `${line}\n`).join(""));
  }

  /** Runs a statement whose rows are few or none, given as bytes. */
  async run(statement: Uint8Array): Promise<void> {
    await this.#send(statement);
    for await (const _line of this.#result()) continue;
  }

  /** The rows of a statement as lines, without their line feeds, as they come. Each is valid until the next one. */
  async *stream(statement: string): AsyncGenerator<Uint8Array> {
    await this.#send(new TextEncoder().encode(statement));
    yield* this.#result();
  }

  /** Ends the connection: what was not committed is rolled back. Never throws, and may be called again. */
  async close(): Promise<void> {
    this.#isUsable = false;
    this.#stopping[Symbol.dispose]();
    await this.#child.stop();
  }

  async #lines(statements: readonly string[]): Promise<string[]> {
    const lines: string[] = [];
    const decoder = new TextDecoder();
    await this.#send(new TextEncoder().encode(statements.join(`${this.#delimiter}\n`)));
    for await (const line of this.#result()) lines.push(decoder.decode(line));
    return lines;
  }

  async #send(statement: Uint8Array): Promise<void> {
    if (!this.#isUsable) throw new AgentError("The connection to the server was closed");
    this.#isUsable = false; // Until all its rows are read.
    const end = `${this.#delimiter}\nSELECT '${this.#token}'${this.#delimiter}\n`;
    await this.#write(concatBytes([statement, new TextEncoder().encode(end)]));
  }

  /** A client that has ended does not take it; its words tell why. */
  async #write(bytes: string | Uint8Array): Promise<void> {
    await this.#child.write(typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes);
  }

  async *#result(): AsyncGenerator<Uint8Array> {
    const end = new TextEncoder().encode(this.#token);
    for await (const line of this.#printed()) {
      if (line.length === end.length && end.every((byte, at) => line[at] === byte)) {
        this.#isUsable = true;
        return;
      }
      yield line;
    }
    const { code } = await this.#child.exit();
    const words = this.#child.lastLines;
    if (words.length === 0) throw new AgentError(`${this.#client.program} exited with ${code}`);
    throw new AgentError(refusalIn(words, this.#client.address).message);
  }

  /** All that the client prints, line by line. */
  async *#printed(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const text = this.#pieces.length === 1 ? this.#pieces[0]! : concatBytes(this.#pieces);
      let at = 0;
      for (let end = text.indexOf(0x0a); end >= 0; end = text.indexOf(0x0a, at)) {
        const line = text.subarray(at, end);
        at = end + 1;
        this.#pieces = [text.subarray(at)];
        yield line;
      }
      const rest = text.subarray(at);
      this.#pieces = rest.length === 0 ? [] : [rest];
      if (!await this.#readUntilLine()) return;
    }
  }

  /** Reads until there is a line more. Returns false at the end. */
  async #readUntilLine(): Promise<boolean> {
    for (;;) {
      const piece = new Uint8Array(64 * 1024);
      const count = await this.#child.output.read(piece);
      if (count === null) return false;
      this.#pieces.push(piece.subarray(0, count));
      if (piece.subarray(0, count).includes(0x0a)) return true;
    }
  }
}
