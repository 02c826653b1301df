/** The socket of a server in tests, and the bytes of its protocol. */
import { concatBytes } from "../../src/base/bytes.ts";

/** The server has ended, or has ended the session. */
export class ServerGone extends Error {}

/** A connection to a socket in the file system; disposing of it closes it. */
export class ServerSocket implements Disposable {
  readonly #connection: Deno.Conn;
  readonly #chunk = new Uint8Array(16 * 1024);
  /** What has come and is not yet read. */
  #pending: Uint8Array = new Uint8Array(0);

  private constructor(connection: Deno.Conn) {
    this.#connection = connection;
  }

  /** Connects; throws ServerGone if nobody listens. */
  static async open(path: string): Promise<ServerSocket> {
    return new ServerSocket(await orGone(() => Deno.connect({ transport: "unix", path })));
  }

  /** The next bytes, as many as asked for. */
  async read(length: number): Promise<Uint8Array> {
    while (this.#pending.length < length) {
      const count = await orGone(() => this.#connection.read(this.#chunk));
      if (count === null) throw new ServerGone("the server has closed the connection");
      this.#pending = concatBytes([this.#pending, this.#chunk.subarray(0, count)]);
    }
    const bytes = this.#pending.slice(0, length);
    this.#pending = this.#pending.subarray(length);
    return bytes;
  }

  /** Sends all of it. */
  async write(bytes: Uint8Array): Promise<void> {
    for (let sent = 0; sent < bytes.length;) {
      sent += await orGone(() => this.#connection.write(bytes.subarray(sent)));
    }
  }

  /** Reads until the server closes the connection: then its session is over. */
  async end(): Promise<void> {
    try {
      while (true) await this.read(1);
    } catch (error) {
      if (!(error instanceof ServerGone)) throw error;
    }
  }

  [Symbol.dispose](): void {
    this.#connection.close();
  }
}

/** The numbers in the bytes. */
export const numbersOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

async function orGone<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const { BrokenPipe, ConnectionRefused, ConnectionReset, NotFound } = Deno.errors;
    const isGone = [BrokenPipe, ConnectionRefused, ConnectionReset, NotFound].some((kind) => error instanceof kind);
    throw isGone ? new ServerGone(String(error), { cause: error }) : error;
  }
}
