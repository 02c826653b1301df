/**
 * The HTTP client of the stores. Connections are kept open. Uploads use node:http and go piece by piece, with
 * backpressure; most downloads use `fetch`.
 */
import http, { type ClientRequest } from "node:http";
import https from "node:https";
import type { Socket } from "node:net";
import type { Clock } from "../../base/clock.ts";
import { StoreError } from "../../base/errors.ts";
import { Semaphore } from "../../base/limits.ts";
import type { HttpAnswer, HttpClient, HttpRequest, NetworkOptions } from "./client.ts";
import { download, type DownloadLine } from "./download.ts";
import { checkAnsweredAsAsked } from "./network_errors.ts";
import { exchange, type Line } from "./upload_request.ts";
import { holdWriteFailures } from "./late_failures.ts";
import { proxyVariables } from "./proxies.ts";
import { RateLimiter } from "./rate_limit.ts";
import { checkCertificates, type TlsOptions, tlsOptions } from "./trust.ts";

/** What a client needs from outside. */
export interface HttpClientOptions extends NetworkOptions {
  /** How many requests run at a time; others wait. */
  readonly connections: number;
  readonly clock: Clock;
  /** A unix socket to connect to instead of the URL's host. */
  readonly socketPath?: string;
  /**
   * Sends everything over node:http. `fetch` would use the proxies in the environment, which may not be meant for this
   * server.
   */
  readonly withoutFetch?: boolean;
}

const DEFAULT_USER_AGENT = "agent";
const DEFAULT_STALL_MS = 5 * 60_000;
const DEFAULT_CONNECT_MS = 30_000;

/**
 * A client for one or a few servers. It connects at the first request. Throws `UsageError` for certificates and keys
 * that cannot be read, and for proxies that cannot be used.
 */
export function openHttpClient(options: HttpClientOptions): HttpClient {
  return new PooledHttpClient(options);
}

class PooledHttpClient implements HttpClient {
  readonly #options: HttpClientOptions;
  /** One place for each running request. */
  readonly #places: Semaphore;
  readonly #line: Line;
  readonly #agentOptions: http.AgentOptions;
  readonly #plainAgent: http.Agent;
  #tlsAgent: https.Agent | undefined;
  /**
   * The clients for downloads, by protocol. Each is made only when it is first needed, because a client for TLS has to
   * read the system's certificate authorities.
   */
  readonly #fetchers = new Map<string, Deno.HttpClient>();
  /** The servers that have answered before. */
  readonly #known = new Set<string>();
  /** The open sockets, each with a promise that resolves when it is closed. */
  readonly #sockets = new Map<Socket, Promise<void>>();
  readonly #closing = new AbortController();

  constructor(options: HttpClientOptions) {
    checkCertificates(options);
    this.#options = options;
    this.#places = new Semaphore(options.connections);
    const { clock, uploadBytesPerSecond, downloadBytesPerSecond, proxies } = options;
    this.#agentOptions = { keepAlive: true, ...proxies && { proxyEnv: proxyVariables(proxies) } };
    this.#plainAgent = new http.Agent(this.#agentOptions);
    this.#line = {
      originOf: (url) => this.#originOf(url),
      begin: (request, contentBytes) => this.#begin(request, contentBytes),
      clock,
      stallMs: options.stallMs ?? DEFAULT_STALL_MS,
      connectMs: options.connectMs ?? DEFAULT_CONNECT_MS,
      uploadLimit: uploadBytesPerSecond === undefined ? undefined : new RateLimiter(uploadBytesPerSecond, clock),
      downloadLimit: downloadBytesPerSecond === undefined ? undefined : new RateLimiter(downloadBytesPerSecond, clock),
    };
  }

  async send(request: HttpRequest): Promise<HttpAnswer> {
    const signals = request.signal ? [request.signal, this.#closing.signal] : [this.#closing.signal];
    const signal = AbortSignal.any(signals);
    const headers = { "user-agent": this.#options.userAgent ?? DEFAULT_USER_AGENT, ...request.headers };
    using _place = await this.#places.take({ signal });
    const answer = await this.#exchange({ ...request, headers, signal });
    checkAnsweredAsAsked(answer, request.url.protocol, this.#originOf(request.url));
    return answer;
  }

  async close(): Promise<void> {
    this.#closing.abort(new StoreError("The connections were closed while a request was under way"));
    this.#plainAgent.destroy();
    this.#tlsAgent?.destroy();
    for (const fetcher of this.#fetchers.values()) fetcher.close();
    await Promise.all(this.#sockets.values());
  }

  async #exchange(request: HttpRequest): Promise<HttpAnswer> {
    const { origin, protocol } = request.url;
    // The first request goes over node:http, whose errors say why a server cannot be reached.
    if (request.method === "GET" && this.#canFetch && this.#known.has(origin)) {
      const answer = await download(request, this.#downloadLine(protocol));
      if (answer) return answer;
    }
    const answer = await exchange(request, this.#line);
    this.#known.add(origin);
    return answer;
  }

  /**
   * Whether `fetch` may be used. It cannot be told to accept every certificate, it treats a unix socket as a proxy, and
   * it takes its proxies only from the environment.
   */
  get #canFetch(): boolean {
    const { insecureTls = false, socketPath, proxies, withoutFetch = false } = this.#options;
    return !insecureTls && !withoutFetch && socketPath === undefined && proxies === undefined;
  }

  #downloadLine(protocol: string): DownloadLine {
    let client = this.#fetchers.get(protocol);
    if (client === undefined) this.#fetchers.set(protocol, client = this.#openFetcher(protocol));
    return { ...this.#line, client };
  }

  #openFetcher(protocol: string): Deno.HttpClient {
    const { connections } = this.#options;
    const { ca, cert, key }: Partial<TlsOptions> = protocol === "https:" ? tlsOptions(this.#options) : {};
    return Deno.createHttpClient({
      // All downloads over one HTTP/2 connection would be slower than several HTTP/1.1 connections.
      http2: false,
      poolMaxIdlePerHost: connections,
      ...ca && { caCerts: ca },
      ...cert !== undefined && key !== undefined && { cert, key },
    });
  }

  #begin(request: HttpRequest, contentBytes: number): ClientRequest {
    const { url, method } = request;
    const mayHaveContent = method === "POST" || method === "PUT";
    const options = {
      method,
      host: url.hostname.replace(/^\[|\]$/g, ""),
      port: url.port,
      path: `${url.pathname}${url.search}`,
      headers: { ...request.headers, ...(mayHaveContent ? { "content-length": contentBytes } : {}) },
      ...(this.#options.socketPath === undefined ? {} : { socketPath: this.#options.socketPath }),
    };
    const outgoing = url.protocol === "https:"
      ? https.request({ ...options, agent: this.#agentForTls() })
      : http.request({ ...options, agent: this.#plainAgent });
    outgoing.on("socket", (socket) => this.#track(socket));
    return outgoing;
  }

  #originOf(url: URL): string {
    return this.#options.socketPath === undefined ? url.origin : `unix:${this.#options.socketPath}`;
  }

  /** Made only when it is first needed, because it has to read the system's certificate authorities. */
  #agentForTls(): https.Agent {
    return this.#tlsAgent ??= new https.Agent({ ...this.#agentOptions, ...tlsOptions(this.#options) });
  }

  /** Prepares a socket when it is first seen. */
  #track(socket: Socket): void {
    if (this.#sockets.has(socket) || socket.closed) return;
    holdWriteFailures(socket);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#sockets.set(socket, promise);
    socket.once("close", () => {
      this.#sockets.delete(socket);
      resolve();
    });
  }
}
