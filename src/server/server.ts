/** The HTTP blob store as a whole: connects users, routes and files to a service over HTTP. */
import { AgentError, messageOf, UsageError } from "../base/errors.ts";
import type { Clock } from "../base/clock.ts";
import { type Authentication, openAuthenticator } from "./access/authentication.ts";
import { type Patience, USUAL_PATIENCE } from "./connection/connections.ts";
import type { Exchange } from "./connection/exchange.ts";
import { Handler } from "./handler.ts";
import { HttpService, type RunningServer } from "./connection/http_service.ts";
import type { BoundAddress, ListenAddress } from "./connection/listener.ts";
import { Metrics } from "./metrics.ts";
import { affordablePatience } from "./connection/open_file_limit.ts";
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
    const server = new BlobServer(options, await patienceOf(options), files, authenticator.userOf);
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

function patienceOf({ patience, tls, onProblem }: ServerOptions): Promise<Patience> {
  const wanted = { ...USUAL_PATIENCE, ...patience };
  return affordablePatience(wanted, { filesEach: FILES_A_CONNECTION, isTls: tls !== undefined, onProblem });
}

class BlobServer {
  readonly #options: ServerOptions;
  readonly #files: RepositoryFiles;
  readonly #metrics = new Metrics();
  readonly #service: HttpService;

  constructor(
    options: ServerOptions,
    patience: Patience,
    files: RepositoryFiles,
    userOf: (exchange: Exchange) => Promise<string>,
  ) {
    this.#options = options;
    this.#files = files;
    const { onProblem, listen, tls, writeLog, clock } = options;
    const handler = new Handler({
      files,
      metrics: this.#metrics,
      rules: options.rules,
      openMetrics: options.openMetrics,
      userOf,
      formatMetrics: () => this.#formatMetrics(),
      onProblem,
    });
    this.#service = new HttpService({
      listen,
      tls,
      writeLog,
      onProblem,
      clock,
      patience,
      checkReach: (bound) => this.#requireReach(bound),
      answer: (exchange) => handler.handle(exchange),
      onAnswered: ({ method, status, bytesReceived, bytesSent }) =>
        this.#metrics.countRequest(method, status, bytesReceived, bytesSent),
    });
  }

  start(): Promise<RunningServer> {
    return this.#service.start();
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

  #formatMetrics(): string {
    const { connections, logLinesDropped } = this.#service;
    return this.#metrics.format({
      usage: this.#files.usage.rows(),
      takenBytes: this.#files.takenBytes,
      limitBytes: this.#options.limitBytes,
      requestsInFlight: connections.inFlightCount,
      connections: connections.openCount,
      idleConnections: connections.idleCount,
      logLinesDropped,
    });
  }
}
