/** The HTTP blob store as a whole: wires users, routes and files to a listening socket, and ends it in order. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { AgentError, messageOf, UsageError } from "../base/errors.ts";
import type { Clock } from "../base/clock.ts";
import { AccessLog } from "./access_log.ts";
import { Connections, type Patience, USUAL_PATIENCE } from "./connections.ts";
import { type Authentication, openAuthenticator } from "./authentication.ts";
import { Exchange } from "./exchange.ts";
import { Handler } from "./handler.ts";
import { type BoundAddress, listen, type ListenAddress, removeSocket } from "./listener.ts";
import { Metrics } from "./metrics.ts";
import { readOpenFilesLimit, roomForConnections } from "./open_files.ts";
import type { Rules } from "./permissions.ts";
import { openRepositoryFiles, type RepositoryFiles } from "./repository_files.ts";

/** Everything a server is told. */
export interface ServerOptions {
  /** The folder that holds the repositories; made where it is missing. */
  readonly path: string;
  readonly listen: ListenAddress;
  readonly authentication: Authentication;
  /** Serves on addresses that other machines reach, though nobody has to give a password; without it that is refused. */
  readonly allowOpenToOthers: boolean;
  readonly rules: Rules;
  /** How many bytes all repositories may hold together; Infinity for no limit. */
  readonly limitBytes: number;
  /** Whether the metrics may be read without credentials. */
  readonly openMetrics: boolean;
  /** Certificate (with its chain) and key as PEM; without them the server speaks plain HTTP. */
  readonly tls?: { readonly certificate: string; readonly key: string };
  /** Takes whole lines of the access log; without it there is none. */
  readonly writeLog?: (lines: string) => Promise<void>;
  /** Told what goes wrong while the server runs on. */
  readonly onProblem: (message: string) => void;
  readonly clock: Clock;
  /** Gives that many random bytes. */
  readonly random: (lengthBytes: number) => Uint8Array;
  readonly patience?: Partial<Patience>;
}

/** A server that takes requests. */
export interface RunningServer {
  /** Where it listens: `127.0.0.1:8000` or `unix:/run/agent.sock`. */
  readonly address: string;
  /** The URL of its root; for a unix socket as restic writes it. */
  readonly url: string;
  /** Takes no more requests, waits up to `graceMs` for those under way, cuts the others, writes the log. Never throws. */
  close(graceMs?: number): Promise<void>;
}

const USUAL_GRACE_MS = 30_000;
const MOST_HEADER_BYTES = 16 * 1024;
/** Stalled clients are looked for so often in the time they have. */
const LOOKS_PER_PATIENCE = 6;

/**
 * Starts a server. Throws `UsageError` for a file of users that is of no use and for a server that would be open to other
 * machines unasked, and `AgentError` where the folder cannot be read or the address not listened on.
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const authenticator = await openAuthenticator(options.authentication, options);
  try {
    await Deno.mkdir(options.path, { recursive: true, mode: 0o700 });
    const files = await openRepositoryFiles(options, options.clock.now());
    const server = new BlobServer(options, await affordablePatience(options), files, authenticator.userOf);
    const running = await server.start();
    return {
      ...running,
      async close(graceMs) {
        await running.close(graceMs);
        await authenticator.close();
      },
    };
  } catch (thrown) {
    await authenticator.close();
    throw thrown instanceof AgentError ? thrown : new AgentError(
      `Cannot serve "${options.path}": ${messageOf(thrown)}`,
      { cause: thrown },
    );
  }
}

/** A connection and the file that is sent or taken in over it. */
const FILES_A_CONNECTION = 2;
/** One more, as there may be as many connections again in their handshake. */
const FILES_A_TLS_CONNECTION = 3;

/** The patience asked for, with no more connections than the limit of open files allows. */
async function affordablePatience({ patience, tls, onProblem }: ServerOptions): Promise<Patience> {
  const wanted = { ...USUAL_PATIENCE, ...patience };
  const mostFiles = await readOpenFilesLimit();
  const mostConnections = roomForConnections(mostFiles, tls ? FILES_A_TLS_CONNECTION : FILES_A_CONNECTION);
  if (mostConnections >= wanted.mostConnections) return wanted;
  onProblem(
    `The limit of ${mostFiles} open files leaves room for ${mostConnections} connections; ` +
      "raise it (LimitNOFILE= of the unit, ulimit -n)",
  );
  return { ...wanted, mostConnections };
}

class BlobServer {
  readonly #options: ServerOptions;
  readonly #patience: Patience;
  readonly #files: RepositoryFiles;
  readonly #connections: Connections;
  readonly #metrics = new Metrics();
  readonly #log: AccessLog | undefined;
  readonly #handler: Handler;
  readonly #server: Server;
  readonly #stopping = new AbortController();

  constructor(
    options: ServerOptions,
    patience: Patience,
    files: RepositoryFiles,
    userOf: (exchange: Exchange) => Promise<string>,
  ) {
    this.#options = options;
    this.#patience = patience;
    this.#files = files;
    this.#connections = new Connections(patience);
    const { writeLog, onProblem } = options;
    this.#log = writeLog &&
      new AccessLog(writeLog, (thrown) => onProblem(`The access log cannot be written: ${messageOf(thrown)}`));
    this.#handler = new Handler({
      files,
      metrics: this.#metrics,
      rules: options.rules,
      openMetrics: options.openMetrics,
      userOf,
      formatMetrics: () => this.#formatMetrics(),
      onProblem,
    });
    this.#server = this.#makeServer();
  }

  async start(): Promise<RunningServer> {
    const { listen: address, authentication, allowOpenToOthers, tls } = this.#options;
    const bound = await listen(this.#server, address);
    this.#server.on("error", (error) => this.#options.onProblem(`The server's socket failed: ${messageOf(error)}`));
    if (!bound.isLocal && authentication.method !== "htpasswd" && !allowOpenToOthers) {
      await this.#stop(0);
      throw new UsageError(
        `Without passwords the server would be open to everybody who reaches ${bound.text}; use a file of users, or allow that with --insecure`,
      );
    }
    const looking = this.#lookForStalled();
    return {
      address: bound.text,
      url: urlOf(bound, tls !== undefined),
      close: async (graceMs = USUAL_GRACE_MS) => {
        await this.#stop(graceMs);
        await looking;
      },
    };
  }

  #makeServer(): Server {
    const { headersMs, idleMs } = this.#patience;
    const limits = {
      maxHeaderSize: MOST_HEADER_BYTES,
      headersTimeout: headersMs,
      // Bodies may take as long as they move; whether they do is looked after here.
      requestTimeout: 0,
      keepAliveTimeout: idleMs,
      connectionsCheckingInterval: Math.ceil(headersMs / LOOKS_PER_PATIENCE),
    };
    const { tls } = this.#options;
    const server = tls
      ? createTlsServer({
        ...limits,
        cert: tls.certificate,
        key: tls.key,
        minVersion: "TLSv1.2",
        handshakeTimeout: headersMs,
      })
      : createServer(limits);
    server.on(tls ? "secureConnection" : "connection", (socket: Socket) => this.#connections.add(socket));
    if (tls) server.on("connection", (socket: Socket) => this.#connections.addUnderTls(socket));
    // Nothing can be said to a client whose handshake failed or did not end.
    server.on("tlsClientError", (_error: Error, socket: Duplex) => socket.destroy());
    // Those that are in their handshake cannot be told to be idle, so there is a limit beyond.
    server.maxConnections = 2 * this.#patience.mostConnections;
    server.on("request", (request, response) => this.#onRequest(request, response, false));
    server.on("checkContinue", (request, response) => this.#onRequest(request, response, true));
    server.on("clientError", (error: Error, socket: Duplex) => {
      // Nothing may get into the answer to what came before on the same connection.
      if (this.#connections.isBusy(socket)) socket.destroy();
      else answerMalformed(error, socket);
    });
    return server;
  }

  #onRequest(request: IncomingMessage, response: ServerResponse, expectsContinue: boolean): void {
    const { clock } = this.#options;
    const startedMs = clock.monotonicMs();
    const exchange = new Exchange(request, response, { nowMs: () => clock.monotonicMs(), expectsContinue });
    if (this.#stopping.signal.aborted) exchange.closeConnectionAfter();
    this.#connections.run(exchange, async () => {
      await this.#handler.handle(exchange);
      this.#record(exchange, clock.monotonicMs() - startedMs);
    });
  }

  #record(exchange: Exchange, durationMs: number): void {
    const { method, url, user, status, bytesSent, bytesReceived, request } = exchange;
    this.#metrics.countRequest(method, status, bytesReceived, bytesSent);
    this.#log?.add({
      remoteAddress: exchange.remoteAddress,
      user,
      time: this.#options.clock.now(),
      method,
      url,
      httpVersion: request.httpVersion,
      status,
      bytesSent,
      userAgent: exchange.header("user-agent") ?? "",
      durationMs,
    });
  }

  #formatMetrics(): string {
    return this.#metrics.format({
      usage: this.#files.usage.rows(),
      takenBytes: this.#files.takenBytes,
      limitBytes: this.#options.limitBytes,
      requestsInFlight: this.#connections.inFlightCount,
      connections: this.#connections.openCount,
      idleConnections: this.#connections.idleCount,
      logLinesDropped: this.#log?.linesDropped ?? 0,
    });
  }

  async #lookForStalled(): Promise<void> {
    const { bodyMs, readerMs, lingerMs } = this.#patience;
    const everyMs = Math.ceil(Math.min(bodyMs, readerMs, lingerMs) / LOOKS_PER_PATIENCE);
    const { clock } = this.#options;
    const { signal } = this.#stopping;
    try {
      while (true) {
        await clock.sleep(everyMs, signal);
        this.#connections.endStalled(clock.monotonicMs());
      }
    } catch (thrown) {
      if (!signal.aborted) throw thrown;
    }
  }

  async #stop(graceMs: number): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#stopping.abort();
    this.#connections.closeAfterAnswers();
    const settled = new AbortController();
    const grace = this.#options.clock.sleep(graceMs, settled.signal).catch(() => {});
    await Promise.race([this.#connections.settled(), grace]);
    settled.abort();
    this.#connections.cutAll();
    this.#server.closeAllConnections();
    await Promise.all([this.#connections.settled(), closed, grace]);
    await removeSocket(this.#options.listen);
    await this.#log?.flush();
  }
}

/** What could not be read as a request; the connection ends. */
function answerMalformed(error: Error & { code?: string }, socket: Duplex): void {
  if (error.code === "ECONNRESET" || !socket.writable) return void socket.destroy();
  const status = STATUS_BY_PROBLEM[error.code ?? ""] ?? "400 Bad Request";
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () => socket.destroy());
}

const STATUS_BY_PROBLEM: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: "431 Request Header Fields Too Large",
  ERR_HTTP_REQUEST_TIMEOUT: "408 Request Timeout",
};

function urlOf({ text }: BoundAddress, isTls: boolean): string {
  const scheme = isTls ? "https" : "http";
  return text.startsWith("unix:") ? `${scheme}+unix://${text.slice("unix:".length)}:/` : `${scheme}://${text}/`;
}
