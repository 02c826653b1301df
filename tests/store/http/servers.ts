/** Servers on this machine that live as long as a test. */
import { createServer, type RequestListener, type Server } from "node:http";
import { type AddressInfo, createServer as createRawServer, type Server as RawServer, type Socket } from "node:net";

/** A server that takes requests apart by itself. */
export class HttpServer implements AsyncDisposable {
  readonly #server: Server;

  private constructor(listener: RequestListener) {
    this.#server = createServer(listener);
  }

  static async start(listener: RequestListener): Promise<HttpServer> {
    const server = new HttpServer(listener);
    await new Promise<void>((resolve) => server.#server.listen(0, "127.0.0.1", resolve));
    return server;
  }

  get url(): URL {
    return new URL(`http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`);
  }

  /** Ends kept connections that nobody uses. */
  closeIdle(): void {
    this.#server.closeIdleConnections();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }
}

/** A server that says what a test wants to whoever connects. */
export class RawTcpServer implements AsyncDisposable {
  readonly #server: RawServer;
  readonly #sockets = new Set<Socket>();

  private constructor(onConnection: (socket: Socket) => void) {
    this.#server = createRawServer((socket) => {
      this.#sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => this.#sockets.delete(socket));
      onConnection(socket);
    });
  }

  static async start(onConnection: (socket: Socket) => void): Promise<RawTcpServer> {
    const server = new RawTcpServer(onConnection);
    await new Promise<void>((resolve) => server.#server.listen(0, "127.0.0.1", resolve));
    return server;
  }

  /** Answers the first bytes of each connection with a text and ends the connection. */
  static answering(text: string): Promise<RawTcpServer> {
    return RawTcpServer.start((socket) => socket.once("data", () => socket.end(text)));
  }

  get url(): URL {
    return new URL(`http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}

/** How many bytes a request brought. */
export async function lengthOf(request: AsyncIterable<Uint8Array>): Promise<number> {
  let bytes = 0;
  for await (const piece of request) bytes += piece.length;
  return bytes;
}
