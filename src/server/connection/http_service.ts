/**
 * A service over HTTP as a whole: listens, runs requests on their connections, writes the log, and shuts down. What it
 * answers is given to it.
 */
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Clock } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import { AccessLog } from "../access_log.ts";
import { Connections, type Patience } from "./connections.ts";
import { Exchange } from "./exchange.ts";
import { FailedHandshakes } from "./failed_handshakes.ts";
import { answerMalformed, makeHttpServer, type MalformedError } from "./http_server.ts";
import { type BoundAddress, listen, type ListenAddress, removeSocket } from "./listener.ts";
import type { TlsFiles } from "./tls.ts";

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

/** What a service listens on, and what it does. */
interface ServiceOptions {
  /** At least one address. */
  readonly listen: readonly ListenAddress[];
  /** Certificate (with its chain) and key in PEM; without them the service speaks plain HTTP. */
  readonly tls?: TlsFiles | undefined;
  readonly patience: Patience;
  /** Receives whole lines of the access log; without it there is no log. */
  readonly writeLog?: ((lines: string) => Promise<void>) | undefined;
  /** What the log says in place of a request's URL; the URL itself by default. */
  readonly loggedUrl?: (url: string) => string;
  /** Called for problems that the service survives. */
  readonly onProblem: (message: string) => void;
  readonly clock: Clock;
  /** Throws if the service may not be reached at an address. */
  readonly checkReach: (bound: BoundAddress) => void;
  /** Answers a request. Never throws. */
  readonly answer: (exchange: Exchange) => Promise<void>;
  /** Called with every exchange that is over. */
  readonly onAnswered?: (exchange: Exchange) => void;
}

const USUAL_GRACE_MS = 30_000;
/** How many times the service looks for stalled clients within the shortest of their time limits. */
const LOOKS_PER_PATIENCE = 6;

/** One service, to be started once. */
export class HttpService {
  /** The open connections. */
  readonly connections: Connections;
  readonly #options: ServiceOptions;
  readonly #log: AccessLog | undefined;
  readonly #handshakes: FailedHandshakes;
  readonly #servers: readonly Server[];
  readonly #stopping = new AbortController();

  /** Nothing listens yet. */
  constructor(options: ServiceOptions) {
    this.#options = options;
    const { patience, writeLog, onProblem, clock } = options;
    this.connections = new Connections(patience);
    this.#log = writeLog &&
      new AccessLog(writeLog, (thrown) => onProblem(`The access log cannot be written: ${messageOf(thrown)}`));
    this.#handshakes = new FailedHandshakes(onProblem, () => clock.monotonicMs());
    this.#servers = options.listen.map(() => this.#makeServer());
  }

  /** How many lines of the log were not written because the log was too slow or failed. */
  get logLinesDropped(): number {
    return this.#log?.linesDropped ?? 0;
  }

  /** Listens on every address. Throws `AgentError` if one cannot be used, and what `checkReach` throws. */
  async start(): Promise<RunningServer> {
    const { listen: addresses, tls, onProblem, checkReach } = this.#options;
    const places: ServedPlace[] = [];
    try {
      for (const [i, server] of this.#servers.entries()) {
        const bound = await listen(server, addresses[i]!);
        server.on("error", (error) => onProblem(`The server's socket failed: ${messageOf(error)}`));
        places.push({ address: bound.text, url: urlOf(bound, tls !== undefined) });
        checkReach(bound);
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

  #makeServer(): Server {
    const { tls, patience } = this.#options;
    const server = makeHttpServer(patience, tls);
    server.on(tls ? "secureConnection" : "connection", (socket: Socket) => this.connections.add(socket));
    if (tls) server.on("connection", (socket: Socket) => this.connections.addUnderTls(socket));
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
    if (!this.connections.answerMalformed(socket)) answerMalformed(error, socket);
  }

  #onRequest(request: IncomingMessage, response: ServerResponse, expectsContinue: boolean): void {
    const { clock, answer } = this.#options;
    const startedMs = clock.monotonicMs();
    const exchange = new Exchange(request, response, { nowMs: () => clock.monotonicMs(), expectsContinue });
    if (this.#stopping.signal.aborted) exchange.closeConnectionAfter();
    this.connections.run(exchange, async () => {
      await answer(exchange);
      this.#record(exchange, clock.monotonicMs() - startedMs);
    });
  }

  #record(exchange: Exchange, durationMs: number): void {
    const { clock, loggedUrl = (url) => url, onAnswered } = this.#options;
    const { method, url, user, status, bytesSent, request } = exchange;
    onAnswered?.(exchange);
    this.#log?.add({
      remoteAddress: exchange.remoteAddress,
      user,
      time: clock.now(),
      method,
      url: loggedUrl(url),
      httpVersion: request.httpVersion,
      status,
      bytesSent,
      userAgent: exchange.header("user-agent") ?? "",
      durationMs,
    });
  }

  async #lookForStalled(): Promise<void> {
    const { clock, patience: { bodyMs, readerMs, lingerMs } } = this.#options;
    const everyMs = Math.ceil(Math.min(bodyMs, readerMs, lingerMs) / LOOKS_PER_PATIENCE);
    const { signal } = this.#stopping;
    try {
      while (true) {
        await clock.sleep(everyMs, signal);
        this.connections.endStalled(clock.monotonicMs());
      }
    } catch (thrown) {
      if (!signal.aborted) throw thrown;
    }
  }

  async #stop(graceMs: number): Promise<void> {
    const listening = this.#servers.flatMap((server, i) => server.listening ? [this.#options.listen[i]!] : []);
    const closed = this.#servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve())));
    this.#stopping.abort();
    this.connections.closeAfterAnswers();
    const settled = new AbortController();
    const grace = this.#options.clock.sleep(graceMs, settled.signal).catch(() => {});
    await Promise.race([this.connections.settled(), grace]);
    settled.abort();
    this.connections.cutAll();
    for (const server of this.#servers) server.closeAllConnections();
    await Promise.all([this.connections.settled(), ...closed, grace]);
    for (const address of listening) await removeSocket(address);
    await this.#log?.flush();
  }
}

function urlOf({ text }: BoundAddress, isTls: boolean): string {
  const scheme = isTls ? "https" : "http";
  return text.startsWith("unix:") ? `${scheme}+unix://${text.slice("unix:".length)}:/` : `${scheme}://${text}/`;
}
