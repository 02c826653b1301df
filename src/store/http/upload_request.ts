/** One request over node:http and its whole answer. */
import type { ClientRequest, IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { totalLength } from "../../base/bytes.ts";
import type { Clock } from "../../base/clock.ts";
import type { AgentError } from "../../base/errors.ts";
import { bodyOf } from "./answer_body.ts";
import type { HttpAnswer, HttpRequest } from "./client.ts";
import { brokenOff, networkError, silent, stalled } from "./network_errors.ts";
import type { RateLimiter } from "./rate_limit.ts";
import { StallWatch } from "./stall.ts";

/** What an exchange needs from its client. */
export interface Line {
  /** The server's name in messages. */
  readonly originOf: (url: URL) => string;
  /** Begins a request whose content has that many bytes; nothing is sent yet. */
  readonly begin: (request: HttpRequest, contentBytes: number) => ClientRequest;
  readonly clock: Clock;
  readonly stallMs: number;
  readonly connectMs: number;
  readonly uploadLimit: RateLimiter | undefined;
  readonly downloadLimit: RateLimiter | undefined;
}

/** Uploads go to the socket in pieces of this size; larger pieces are no faster. */
const UPLOAD_PIECE_BYTES = 256 * 1024;

/** Sends a request and returns its answer; see `HttpClient.send`. Passes on what iterating over the content throws. */
export async function exchange(request: HttpRequest, line: Line): Promise<HttpAnswer> {
  request.signal?.throwIfAborted();
  return await new UploadExchange(request, line).run();
}

class UploadExchange {
  readonly #request: HttpRequest;
  readonly #line: Line;
  readonly #outgoing: ClientRequest;
  readonly #watch: StallWatch;
  readonly #answer = Promise.withResolvers<HttpAnswer>();
  readonly #sent = Promise.withResolvers<void>();
  /** Aborted once the exchange is over, however it ended. */
  readonly #over = new AbortController();
  /** Wakes the upload when the socket has room again, or when the upload has become pointless. */
  #wakeUpload = () => {};
  #message: IncomingMessage | undefined;

  constructor(request: HttpRequest, line: Line) {
    this.#request = request;
    this.#line = line;
    this.#watch = new StallWatch(line.stallMs, line.clock);
    this.#outgoing = line.begin(request, totalLength(request.content ?? []));
  }

  async run(): Promise<HttpAnswer> {
    const { signal } = this.#request;
    const onAbort = () => this.#fail(signal!.reason);
    signal?.addEventListener("abort", onAbort, { once: true });
    this.#sent.promise.catch(() => {});
    this.#listen();
    void this.#giveUpWhenStalled();
    void this.#upload();
    try {
      return await this.#answer.promise;
    } finally {
      signal?.removeEventListener("abort", onAbort);
      this.#over.abort();
      this.#wakeUpload();
    }
  }

  #listen(): void {
    const outgoing = this.#outgoing;
    outgoing.on("error", (thrown) => this.#breakOff(networkError(thrown, this.#origin)));
    const onClose = () => this.#breakOff(brokenOff(this.#origin));
    outgoing.on("close", onClose);
    // If a kept connection is reset during an upload, only its socket reports it.
    outgoing.once("socket", (socket) => {
      socket.once("close", onClose);
      this.#over.signal.addEventListener("abort", () => socket.off("close", onClose), { once: true });
      if (socket.connecting) void this.#giveUpUnconnected(socket);
    });
    outgoing.on("drain", () => this.#wakeUpload());
    outgoing.on("response", (message) => void this.#receive(message));
  }

  /** The connection is gone. If an answer has begun, reading it shows whether it is complete. */
  #breakOff(error: AgentError): void {
    if (this.#message) this.#sent.reject(error);
    else this.#fail(error);
  }

  async #giveUpWhenStalled(): Promise<void> {
    if (!await this.#watch.watch(this.#over.signal)) return;
    this.#fail(stalled(this.#origin, this.#line.stallMs));
  }

  /** If packets get lost, the system would keep trying for minutes. */
  async #giveUpUnconnected(socket: Socket): Promise<void> {
    const connected = new AbortController();
    socket.once(this.#request.url.protocol === "https:" ? "secureConnect" : "connect", () => connected.abort());
    const signal = AbortSignal.any([connected.signal, this.#over.signal]);
    const isOver = await this.#line.clock.sleep(this.#line.connectMs, signal).then(() => false, () => true);
    if (!isOver) this.#fail(silent(this.#origin, this.#line.connectMs));
  }

  async #upload(): Promise<void> {
    const limit = this.#line.uploadLimit;
    try {
      for (const piece of pieces(this.#request.content ?? [], limit?.pieceBytes ?? UPLOAD_PIECE_BYTES)) {
        if (limit) await this.#watch.hold(limit.pass(piece.length, this.#over.signal));
        if (this.#isPointless) return;
        await this.#write(piece);
      }
      if (this.#isPointless) return;
      this.#outgoing.end();
      this.#sent.resolve();
    } catch (thrown) {
      this.#fail(thrown);
    }
  }

  /** Hands a piece to the socket, and waits for room for the next. */
  async #write(piece: Uint8Array): Promise<void> {
    const hasRoom = this.#outgoing.write(piece, () => this.#watch.moved());
    if (!hasRoom) await new Promise<void>((resolve) => this.#wakeUpload = resolve);
  }

  async #receive(message: IncomingMessage): Promise<void> {
    this.#message = message;
    this.#watch.moved();
    if (this.#isRefused) this.#wakeUpload();
    try {
      const body = await this.#collect(message);
      // If the server reports success before everything was sent, that says nothing about the rest.
      if (!this.#isRefused) await this.#sent.promise;
      this.#answer.resolve({ status: message.statusCode!, headers: headersOf(message), body });
      if (!this.#outgoing.writableEnded) this.#outgoing.destroy();
    } catch (thrown) {
      this.#fail(networkError(thrown, this.#origin));
    }
  }

  async #collect(message: IncomingMessage): Promise<Uint8Array<ArrayBuffer>> {
    const { method, mostBytes } = this.#request;
    const isEmpty = method === "HEAD" || message.statusCode === 204 || message.statusCode === 304;
    const body = bodyOf(message.headers["content-length"], { mostBytes, isEmpty, origin: this.#origin });
    const limit = this.#line.downloadLimit;
    for await (const piece of message as AsyncIterable<Uint8Array>) {
      this.#watch.moved();
      body.add(piece);
      if (limit) await this.#watch.hold(limit.pass(piece.length, this.#over.signal));
    }
    // A body of unknown length is complete only if its framing says so.
    if (!message.complete) throw brokenOff(this.#origin);
    return body.end();
  }

  /** Only the first failure counts; later ones follow from it. */
  #fail(error: unknown): void {
    this.#answer.reject(error);
    this.#over.abort();
    this.#outgoing.destroy();
  }

  /** Whether the server has answered that it refuses the content. */
  get #isRefused(): boolean {
    return (this.#message?.statusCode ?? 0) >= 300;
  }

  /** Whether sending more is pointless. */
  get #isPointless(): boolean {
    return this.#isRefused || this.#over.signal.aborted;
  }

  get #origin(): string {
    return this.#line.originOf(this.#request.url);
  }
}

/** The parts in pieces of at most `mostBytes`. */
function* pieces(parts: readonly Uint8Array[], mostBytes: number): Generator<Uint8Array> {
  for (const part of parts) {
    for (let at = 0; at < part.length; at += mostBytes) yield part.subarray(at, at + mostBytes);
  }
}

function headersOf(message: IncomingMessage): Map<string, string> {
  const headers = new Map<string, string>();
  for (const [name, value] of Object.entries(message.headers)) {
    if (value !== undefined) headers.set(name, Array.isArray(value) ? value.join(", ") : value);
  }
  return headers;
}
