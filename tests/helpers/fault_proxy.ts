/**
 * Simulates a bad network: an HTTP proxy in this process, in front of a real blob server, that injects planned faults.
 */
import { Buffer } from "node:buffer";
import {
  Agent,
  createServer,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  request as httpRequest,
  type ServerResponse,
} from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { Readable, Writable as Sink } from "node:stream";
import { LOGIN_PAGE, type NetworkFault, type NetworkPlan, type ProxiedRequest } from "./network_faults.ts";

/** A request and its outcome. */
interface LoggedRequest extends ProxiedRequest {
  readonly fault: NetworkFault | undefined;
  /** The status that the client received; undefined if it received none. */
  readonly status: number | undefined;
}

/** Starts a proxy on a free loopback port. `target` is the server's URL; clients add the path. */
export async function startFaultProxy(target: string | URL, plan?: NetworkPlan): Promise<FaultProxy> {
  const proxy = new FaultProxy(new URL(target), plan);
  await proxy.resume();
  return proxy;
}

/** The proxy. Disposing of it breaks all connections and waits until everything has ended. */
export class FaultProxy implements AsyncDisposable {
  /** Decides which faults happen from now on. */
  plan: NetworkPlan;
  readonly #log: LoggedRequest[] = [];
  readonly #target: URL;
  readonly #agent = new Agent({ keepAlive: false });
  readonly #server = createServer((request, response) => this.#accept(request, response));
  /** The open connections, each with a promise that resolves when it is closed. */
  readonly #sockets = new Map<Socket, Promise<void>>();
  readonly #running = new Set<Promise<void>>();
  #port = 0;

  constructor(target: URL, plan: NetworkPlan = () => undefined) {
    this.#target = target;
    this.plan = plan;
    this.#server.on("connection", (socket: Socket) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#sockets.set(socket, promise);
      socket.on("error", () => {}).on("close", () => {
        this.#sockets.delete(socket);
        resolve();
      });
    });
  }

  /** The proxy's URL, without a slash at the end. */
  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Every request so far, in the order in which they began. */
  get log(): readonly LoggedRequest[] {
    return this.#log;
  }

  /** Simulates a server that is down: breaks all connections and refuses new ones. */
  async pause(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#sockets.keys()) socket.resetAndDestroy();
    await closed;
  }

  /** Makes the server available again, on the same port. */
  async resume(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject).listen(this.#port, "127.0.0.1", () => {
        this.#server.off("error", reject);
        resolve();
      });
    });
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#server.listening) await this.pause();
    this.#agent.destroy();
    await Promise.all(this.#running);
  }

  #accept(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    const asked = { number: this.#log.length + 1, method: request.method!, path: request.url! };
    const fault = this.plan(asked);
    const entry: Writable<LoggedRequest> = { ...asked, fault, status: undefined };
    this.#log.push(entry);
    const hungUp = this.#sockets.get(socket) ?? Promise.resolve();
    const exchange = new Exchange({ request, response, fault, target: this.#target, agent: this.#agent, hungUp });
    // What is written to a client that is gone may never be called written.
    const abandoned = hungUp.then(() => Promise.reject(new BreakConnection()));
    const running = Promise.race([exchange.perform(), abandoned])
      .catch((error: unknown) => {
        socket.resetAndDestroy();
        if (!isBrokenConnection(error)) throw error;
      })
      .finally(() => {
        this.#running.delete(running);
        if (response.headersSent) entry.status = response.statusCode;
      });
    this.#running.add(running);
  }
}

/** What an exchange needs. */
interface ExchangeParts {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly fault: NetworkFault | undefined;
  readonly target: URL;
  readonly agent: Agent;
  /** Resolves when the client is gone. */
  readonly hungUp: Promise<void>;
}

/** Passes one request to the server, and its answer back. */
class Exchange {
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #parts: ExchangeParts;
  /** The client's connection; the request loses it when it breaks. */
  readonly #socket: Socket;

  constructor(parts: ExchangeParts) {
    this.#parts = parts;
    this.#request = parts.request;
    this.#response = parts.response;
    this.#socket = parts.request.socket;
  }

  async perform(): Promise<void> {
    const fault = this.#parts.fault;
    if (fault?.type === "reset") return void this.#socket.resetAndDestroy();
    if (fault?.type === "answer") return this.#answer(fault);
    if (this.#request.url === "/login") return this.#answer(LOGIN_PAGE);
    if (fault?.type === "delay") await sleep(fault.delayMs / 2);
    await this.#passOn(fault);
  }

  #answer({ status, headers = {}, body = "" }: NetworkFault & { type: "answer" }): void {
    this.#request.resume();
    this.#response.writeHead(status, { "content-length": Buffer.byteLength(body), ...headers });
    this.#response.end(this.#request.method === "HEAD" ? undefined : body);
  }

  async #passOn(fault: NetworkFault | undefined): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const { hostname, port } = this.#parts.target;
    const { host: _host, connection: _connection, expect: _expect, ...headers } = this.#request.headers;
    const { method, url: path } = this.#request;
    const onward = httpRequest({ hostname, port, method, path, headers, agent: this.#parts.agent } as object);
    // A request that is given up before its answer may close without an error.
    onward.on("response", resolve).on("error", reject).on("close", () => reject(new BreakConnection()));
    void this.#parts.hungUp.then(() => onward.destroy());
    const upload = this.#upload(onward, fault).then(() => void onward.end(), reject);
    try {
      await this.#download(await promise, fault);
      await upload;
    } catch (error) {
      onward.destroy();
      throw error;
    }
  }

  async #upload(onward: Sink, fault: NetworkFault | undefined): Promise<void> {
    const length = Number(this.#request.headers["content-length"] ?? 0);
    await pump(this.#request, onward, this.#harmTo("upload", length, fault));
  }

  async #download(answer: IncomingMessage, fault: NetworkFault | undefined): Promise<void> {
    if (fault?.type === "lose-answer") {
      answer.resume();
      await new Promise((resolve) => answer.once("close", resolve));
      throw new BreakConnection();
    }
    if (fault?.type === "delay") await sleep(fault.delayMs / 2);
    const hasBody = this.#request.method !== "HEAD";
    const length = hasBody ? Number(answer.headers["content-length"] ?? Infinity) : 0;
    const { connection: _connection, "keep-alive": _keepAlive, ...headers } = answer.headers;
    const promised: OutgoingHttpHeaders = headers;
    if (fault?.type === "truncate" && fault.as === "shorter-length" && Number.isFinite(length) && length > 0) {
      promised["content-length"] = placeIn(length, fault.afterBytes);
    }
    this.#response.writeHead(answer.statusCode!, promised);
    await pump(answer, this.#response, this.#harmTo("answer", length, fault));
    this.#response.end();
  }

  /** What the fault does to one of the two bodies, piece by piece. */
  #harmTo(body: "upload" | "answer", length: number, fault: NetworkFault | undefined): Harm {
    if (fault === undefined || length === 0) return unharmed;
    if (fault.type === "corrupt" && fault.body === body) return flipBit(placeIn(length, fault.atByte));
    if (fault.type === "stall" && fault.body === body) {
      return cutAt(placeIn(length, fault.afterBytes), async () => {
        await this.#parts.hungUp;
        throw new BreakConnection();
      });
    }
    if (fault.type === "reset-upload" && body === "upload") {
      return cutAt(placeIn(length, fault.afterBytes), () => Promise.reject(new BreakConnection()));
    }
    if (fault.type === "truncate" && body === "answer") {
      const isBrokenOff = fault.as === "broken-off";
      return cutAt(placeIn(length, fault.afterBytes), async () => {
        if (!isBrokenOff) return;
        this.#socket.end();
        await this.#parts.hungUp;
      });
    }
    return unharmed;
  }
}

/** Ends an exchange by breaking its connection. */
class BreakConnection extends Error {}

/** Whether an exchange failed as it may on a network, rather than by a fault of the proxy. */
function isBrokenConnection(error: unknown): boolean {
  return error instanceof BreakConnection || (error instanceof Error && "code" in error);
}

type Writable<T> = { -readonly [Key in keyof T]: T[Key] };

/**
 * Changes a piece of a body, which begins at byte `at`, before it is passed on. If there is an `after`, the body ends
 * there.
 */
type Harm = (piece: Uint8Array, at: number) => { readonly piece: Uint8Array; readonly after?: () => Promise<void> };

const unharmed: Harm = (piece) => ({ piece });

function flipBit(atByte: number): Harm {
  return (piece, at) => {
    if (atByte < at || atByte >= at + piece.length) return { piece };
    const harmed = piece.slice();
    harmed[atByte - at]! ^= 1;
    return { piece: harmed };
  };
}

/** The position of a byte in a body; beyond the end, that of the last byte. */
function placeIn(lengthBytes: number, byte: number): number {
  return Math.min(byte, lengthBytes - 1);
}

/** Passes on what comes before a byte, then calls `after`; if that resolves, the body ends there. */
function cutAt(byte: number, after: () => Promise<void>): Harm {
  return (piece, at) => byte >= at + piece.length ? { piece } : { piece: piece.subarray(0, byte - at), after };
}

/** Passes a body on, piece by piece, as fast as the receiver accepts it. */
async function pump(from: Readable, to: Sink, harm: Harm): Promise<void> {
  let at = 0;
  for await (const whole of from) {
    const { piece, after } = harm(whole, at);
    at += whole.length;
    if (piece.length > 0) await write(to, piece);
    if (after) return await after();
  }
}

function write(to: Sink, piece: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => to.write(piece, (error) => error ? reject(error) : resolve()));
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
