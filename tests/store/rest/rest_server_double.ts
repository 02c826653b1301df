/** A REST server in memory that keeps to the protocol, or breaks it where a test says so. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { concatBytes } from "../../../src/base/bytes.ts";

/** What the server was asked. */
interface SeenRequest {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** Answers a request instead of the server and gives true, or lets the server answer. */
type Interference = (request: IncomingMessage, response: ServerResponse) => boolean;

export class RestServerDouble implements AsyncDisposable {
  /** The repository's files by path, such as `/repo/data/<id>`. */
  readonly files = new Map<string, Uint8Array>();
  readonly requests: SeenRequest[] = [];
  listVersion: 1 | 2 = 2;
  ignoresRanges = false;
  isAppendOnly = false;
  interfere: Interference = () => false;
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  /** Listens on a free port of this machine, or on a unix socket. */
  static async start(socketPath?: string): Promise<RestServerDouble> {
    const double = new RestServerDouble();
    await new Promise<void>((resolve) => {
      if (socketPath === undefined) double.#server.listen(0, "127.0.0.1", resolve);
      else double.#server.listen(socketPath, resolve);
    });
    return double;
  }

  /** Host and port. */
  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The address of the repository, as it follows `rest:`. */
  get place(): string {
    return `http://${this.host}/repo/`;
  }

  /** The next requests of that method are refused with a status, so many times. */
  refuse(method: string, status: number, headers: Readonly<Record<string, string>> = {}, times = Infinity): void {
    let left = times;
    this.interfere = (request, response) => {
      if (request.method !== method || left-- <= 0) return false;
      request.resume();
      response.writeHead(status, headers).end();
      return true;
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "", url = "", headers } = request;
    this.requests.push({ method, path: url, headers });
    request.on("error", () => {});
    if (this.interfere(request, response)) return;
    try {
      const content = concatBytes(await Array.fromAsync(request as AsyncIterable<Uint8Array>));
      this.#serve(method, url, content, request, response);
    } catch {
      response.destroy(); // the client went away in the middle
    }
  }

  #serve(method: string, url: string, content: Uint8Array, request: IncomingMessage, response: ServerResponse): void {
    if (method === "POST" && url.endsWith("/?create=true")) return void response.end();
    if (method === "POST") {
      const isNew = !this.files.has(url);
      if (isNew) this.files.set(url, content);
      return void response.writeHead(isNew ? 200 : 403).end();
    }
    if (method === "DELETE") {
      if (!this.isAppendOnly) this.files.delete(url);
      return void response.writeHead(this.isAppendOnly ? 403 : 200).end();
    }
    if (url.endsWith("/")) return this.#list(url, response);
    const file = this.files.get(url);
    if (!file) return void response.writeHead(404).end();
    if (method === "HEAD") return void response.writeHead(200, { "content-length": file.length }).end();
    this.#send(file, this.ignoresRanges ? undefined : request.headers.range, response);
  }

  #list(folder: string, response: ServerResponse): void {
    const paths = [...this.files.keys()].filter((path) => path.startsWith(folder));
    const rows = paths.map((path) => ({ name: path.slice(folder.length), size: this.files.get(path)!.length }));
    const type = this.listVersion === 2 ? "application/vnd.x.restic.rest.v2" : "application/vnd.x.restic.rest.v1";
    response.setHeader("content-type", type);
    response.end(JSON.stringify(this.listVersion === 2 ? rows : rows.map(({ name }) => name)));
  }

  #send(file: Uint8Array, range: string | undefined, response: ServerResponse): void {
    const match = /^bytes=(\d+)-(\d*)$/.exec(range ?? "");
    if (!match) return void response.writeHead(200, { "content-length": file.length }).end(file);
    const first = Number(match[1]);
    const last = Math.min(match[2] === "" ? Infinity : Number(match[2]), file.length - 1);
    if (first > last) return void response.writeHead(416, { "content-range": `bytes */${file.length}` }).end();
    const headers = { "content-range": `bytes ${first}-${last}/${file.length}`, "content-length": last - first + 1 };
    response.writeHead(206, headers).end(file.subarray(first, last + 1));
  }
}
