/** The HTTP blob store as a whole: connects users, routes and files to listening sockets, and shuts down. */
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { AgentError, messageOf, UsageError } from "../base/errors.ts";
import type { Clock } from "../base/clock.ts";
import { AccessLog } from "./access_log.ts";
import { type Authentication, openAuthenticator } from "./access/authentication.ts";
import { Connections, type Patience, USUAL_PATIENCE } from "./connection/connections.ts";
import { Exchange } from "./connection/exchange.ts";
import { FailedHandshakes } from "./connection/failed_handshakes.ts";
import { Handler } from "./handler.ts";
import { answerMalformed, makeHttpServer, type MalformedError } from "./connection/http_server.ts";
import { type BoundAddress, listen, type ListenAddress, removeSocket } from "./connection/listener.ts";
import { Metrics } from "./metrics.ts";
import { readOpenFilesLimit, roomForConnections } from "./connection/open_file_limit.ts";
import type { Rules } from "./access/permissions.ts";
import { openRepositoryFiles, type RepositoryFiles } from "./files/repository_files.ts";
import { checkTls, type TlsFiles } from "./connection/tls.ts";

/** The configuration of a server. */
export interface ServerOptions {
  /** The folder with the repositories; created if it is missing. */
  readonly path: string;
  /** At least one address. */
  readonly listen: readonly ListenAddress[];
  readonly authentication: Authentication;
  /** Whether the server may listen on addresses that other machines can reach, although it asks for no password. */
  readonly allowOpenToOthers: boolean;
  readonly rules: Rules;
  /** The limit for all repositories together; `Infinity` means no limit. */
  readonly limitBytes: number;
  /** Whether the metrics can be read without credentials. */
  readonly openMetrics: boolean;
  /** Certificate (with its chain) and key in PEM; without them the server speaks plain HTTP. */
  readonly tls?: TlsFiles;
  /** How many passwords are verified at once, each on its own thread; 1 by default. */
  readonly passwordThreads?: number;
  /** Receives whole lines of the access log; without it there is no log. */
  readonly writeLog?: (lines: string) => Promise<void>;
  /** Called for problems that the server survives. */
  readonly onProblem: (message: string) => void;
  readonly clock: Clock;
  /** Returns `lengthBytes` random bytes. */
  readonly random: (lengthBytes: number) => Uint8Array;
  readonly patience?: Partial<Patience>;
}

/** An address on which a server actually listens. */
export interface ServedPlace {
  /** `127.0.0.1:8000` or `unix:/run/agent.sock`. */
  readonly address: string;
  /** The URL of its root; for a unix socket, in restic's notation. */
  readonly url: string;
}

/** A server that accepts requests. */
export interface RunningServer {
  /** One for each address to listen on, in the same order. */
  readonly places: readonly ServedPlace[];
  /**
   * Accepts no more requests, waits up to `graceMs` for those under way, cuts off those that are not done by then, and
   * writes the log. Never throws.
   */
  close(graceMs?: number): Promise<void>;
}

const USUAL_GRACE_MS = 30_000;
/** How many times the server looks for stalled clients within the shortest of their time limits. */
const LOOKS_PER_PATIENCE = 6;

/**
 * Starts a server. Throws `UsageError` for a certificate and key that do not match, for an unusable file of users, and
 * if other machines could use the server without a password, unless `allowOpenToOthers` is set. Throws `AgentError` if
 * the folder cannot be read or an address cannot be used.
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  if (options.tls) checkTls(options.tls, options.clock.now(), options.onProblem);
  const authenticator = await openAuthenticator(options.authentication, { passwordThreads: 1, ...options });
  try {
    await Deno.mkdir(options.path, { recursive: true, mode: 0o700 });
    const files = await openRepositoryFiles(options, options.clock.now());
    const server = new BlobServer(options, await affordablePatience(options), files, authenticator.userOf);
    const running = await server.start();
    return {
      ...running,
      async close(graceMs) {
        await running.close(graceMs);
        authenticator.close();
      },
    };
  } catch (thrown) {
    authenticator.close();
    throw thrown instanceof AgentError ? thrown : new AgentError(
      `Cannot serve "${options.path}": ${messageOf(thrown)}`,
      { cause: thrown },
    );
  }
}

/** Files that one connection may hold open: its socket, and the file being sent or received. */
const FILES_A_CONNECTION = 2;
/** With TLS one more, because for each connection another one may be in its handshake. */
const FILES_A_TLS_CONNECTION = 3;

/** The wanted limits, with no more connections than the limit on open files allows. */
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
  readonly #handshakes: FailedHandshakes;
  readonly #servers: readonly Server[];
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
    this.#handshakes = new FailedHandshakes(onProblem, () => options.clock.monotonicMs());
    this.#handler = new Handler({
      files,
      metrics: this.#metrics,
      rules: options.rules,
      openMetrics: options.openMetrics,
      userOf,
      formatMetrics: () => this.#formatMetrics(),
      onProblem,
    });
    this.#servers = options.listen.map(() => this.#makeServer());
  }

  async start(): Promise<RunningServer> {
    const { listen: addresses, tls } = this.#options;
    const places: ServedPlace[] = [];
    try {
      for (const [i, server] of this.#servers.entries()) {
        const bound = await listen(server, addresses[i]!);
        server.on("error", (error) => this.#options.onProblem(`The server's socket failed: ${messageOf(error)}`));
        places.push({ address: bound.text, url: urlOf(bound, tls !== undefined) });
        this.#requireReach(bound);
      }
    } catch (thrown) {
      await this.#stop(0);
      throw thrown;
    }
    const looking = this.#lookForStalled();
    return {
      places,
      close: async (graceMs = USUAL_GRACE_MS) => {
        await this.#stop(graceMs);
        await looking;
      },
    };
  }

  /** Throws `UsageError` if the server would be open to everybody, unless the options allow it. */
  #requireReach(bound: BoundAddress): void {
    const { authentication, allowOpenToOthers } = this.#options;
    if (bound.isLocal || authentication.method === "htpasswd" || allowOpenToOthers) return;
    throw new UsageError(
      `Without passwords the server would be open to everybody who reaches ${bound.text}; use a file of users, or ` +
        "allow that with --insecure",
    );
  }

  #makeServer(): Server {
    const { tls } = this.#options;
    const server = makeHttpServer(this.#patience, tls);
    server.on(tls ? "secureConnection" : "connection", (socket: Socket) => this.#connections.add(socket));
    if (tls) server.on("connection", (socket: Socket) => this.#connections.addUnderTls(socket));
    server.on("tlsClientError", (error: Error, socket: Duplex) => this.#onFailedHandshake(error, socket));
    server.on("request", (request, response) => this.#onRequest(request, response, false));
    server.on("checkContinue", (request, response) => this.#onRequest(request, response, true));
    server.on("checkExpectation", (request, response) => this.#onRequest(request, response, false));
    server.on("connect", (_request, socket) => this.#onMalformed({ code: "CONNECT" }, socket));
    server.on("clientError", (error: NodeJS.ErrnoException, socket: Duplex) => this.#onMalformed(error, socket));
    return server;
  }

  /** A client whose handshake failed cannot be told anything, but the operator may want to know. */
  #onFailedHandshake(error: Error, socket: Duplex & { readonly _parent?: Socket }): void {
    this.#handshakes.failed(socket._parent?.remoteAddress, error);
    socket.destroy();
  }

  #onMalformed(error: MalformedError, socket: Duplex): void {
    if (!this.#connections.answerMalformed(socket)) answerMalformed(error, socket);
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
    const listening = this.#servers.flatMap((server, i) => server.listening ? [this.#options.listen[i]!] : []);
    const closed = this.#servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve())));
    this.#stopping.abort();
    this.#connections.closeAfterAnswers();
    const settled = new AbortController();
    const grace = this.#options.clock.sleep(graceMs, settled.signal).catch(() => {});
    await Promise.race([this.#connections.settled(), grace]);
    settled.abort();
    this.#connections.cutAll();
    for (const server of this.#servers) server.closeAllConnections();
    await Promise.all([this.#connections.settled(), ...closed, grace]);
    for (const address of listening) await removeSocket(address);
    await this.#log?.flush();
  }
}

function urlOf({ text }: BoundAddress, isTls: boolean): string {
  const scheme = isTls ? "https" : "http";
  return text.startsWith("unix:") ? `${scheme}+unix://${text.slice("unix:".length)}:/` : `${scheme}://${text}/`;
}
