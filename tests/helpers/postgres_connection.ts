/**
 * One session of PostgreSQL on its socket, by the protocol itself (version 3.0, chapter "Frontend/Backend Protocol" of
 * its manual): to start `psql` for each of the thousands of looks of the tests takes much of their time.
 */
import { concatBytes } from "../../src/base/bytes.ts";
import { numbersOf, ServerGone, ServerSocket } from "./server_socket.ts";

/** The first byte of what the server says, of the messages that count here. */
const [AUTHENTICATION, ROW, ERROR, READY] = ["R", "D", "E", "Z"];

const [QUERY, TERMINATE] = ["Q", "X"];

/** How the server says that no transaction is under way. */
const IDLE = "I".charCodeAt(0);

/** A session of a user in a database; disposing of it ends it. */
export class PostgresConnection implements AsyncDisposable {
  readonly #socket: ServerSocket;
  #isIdle = false;

  private constructor(socket: ServerSocket) {
    this.#socket = socket;
  }

  /** Connects to the server whose socket is in `folder`, which must ask for no password. */
  static async open(folder: string, user: string, database: string): Promise<PostgresConnection> {
    const socket = await ServerSocket.open(`${folder}/.s.PGSQL.5432`);
    try {
      const session = new PostgresConnection(socket);
      const parameters = ["user", user, "database", database, ""].map((part) => `${part}\0`).join("");
      await session.#send("", concatBytes([new Uint8Array([0, 3, 0, 0]), new TextEncoder().encode(parameters)]));
      await session.#answer();
      return session;
    } catch (error) {
      socket[Symbol.dispose]();
      throw error;
    }
  }

  /** Whether no transaction is under way. */
  get isIdle(): boolean {
    return this.#isIdle;
  }

  /** Runs statements, in one transaction unless they say otherwise; returns all rows as text, null as nothing. */
  async query(sql: string): Promise<string[][]> {
    await this.#send(QUERY!, new TextEncoder().encode(`${sql}\0`));
    return await this.#answer();
  }

  /** Ends once the server no longer counts the session. */
  async [Symbol.asyncDispose](): Promise<void> {
    using socket = this.#socket;
    await this.#send(TERMINATE!, new Uint8Array(0)).catch(() => {});
    await socket.end();
  }

  /** Reads messages until the server waits for the next statement. */
  async #answer(): Promise<string[][]> {
    const rows: string[][] = [];
    let refusal: string | undefined;
    while (true) {
      const header = await this.#socket.read(5);
      const kind = String.fromCharCode(header[0]!);
      const body = await this.#socket.read(numbersOf(header).getInt32(1) - 4);
      if (kind === AUTHENTICATION && numbersOf(body).getInt32(0) !== 0) throw new Error("a password is asked for");
      if (kind === ROW) rows.push(rowOf(body));
      if (kind === ERROR) {
        const { severity, text } = errorOf(body);
        if (severity === "FATAL" || severity === "PANIC") throw new ServerGone(text);
        refusal = text;
      }
      if (kind !== READY) continue;
      this.#isIdle = body[0] === IDLE;
      if (refusal !== undefined) throw new Error(refusal);
      return rows;
    }
  }

  async #send(kind: string, body: Uint8Array): Promise<void> {
    const length = new Uint8Array(4);
    numbersOf(length).setInt32(0, 4 + body.length);
    await this.#socket.write(concatBytes([new TextEncoder().encode(kind), length, body]));
  }
}

function rowOf(body: Uint8Array): string[] {
  const numbers = numbersOf(body);
  let at = 2;
  return Array.from({ length: numbers.getInt16(0) }, () => {
    const length = Math.max(0, numbers.getInt32(at));
    at += 4 + length;
    return new TextDecoder().decode(body.subarray(at - length, at));
  });
}

/** An error as `psql` prints it, and how severe it is. */
function errorOf(body: Uint8Array): { severity: string; text: string } {
  const fields = new Map(new TextDecoder().decode(body).split("\0").map((field) => [field[0], field.slice(1)]));
  const detail = fields.has("D") ? `\nDETAIL:  ${fields.get("D")}` : "";
  return { severity: fields.get("V") ?? "", text: `${fields.get("S")}:  ${fields.get("M")}${detail}` };
}
