/**
 * One request and its answer: the body as it comes in, the answer as the client takes it, and what the exchange waits for,
 * so that one who stalls can be told from one who is slow.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { plainAddress } from "./addresses.ts";
import { ClientGone, Refusal } from "../refusal.ts";

/** What an exchange waits for: the server's own work, the client to send, to take, or to notice that it is refused. */
export type Waiting = "work" | "body" | "reader" | "linger";

/** Headers of an answer. */
type AnswerHeaders = Readonly<Record<string, string | number>>;

/** An unread rest of a body up to this size is read, so that the connection can be kept. */
const MOST_DRAINED_BYTES = 2 ** 18;
/** So much is read of a refused body, for a client that sends first and reads afterwards, before the connection is cut. */
const MOST_LINGERED_BYTES = 2 ** 23;

const TEXT = { "content-type": "text/plain; charset=utf-8" };

/** Made for every request; used by one handler. */
export class Exchange {
  readonly request: IncomingMessage;
  /** Where the client is; empty for a unix socket. Known even after the connection ended. */
  readonly remoteAddress: string;
  /** Who sent it, where that is known. */
  user = "";
  bytesReceived = 0;
  bytesSent = 0;
  waiting: Waiting = "work";
  /** When it last came forward, in the clock's milliseconds. */
  progressMs: number;
  readonly #response: ServerResponse;
  readonly #nowMs: () => number;
  readonly #expectsContinue: boolean;
  #closeAfter = false;
  /** The answer that was given in place of the handler's. */
  #brokenOff: Refusal | undefined;
  #breakingOff: Promise<void> | undefined;
  /** Whether an answer that ends the connection is on its way, and the rest of the body is read. */
  #isRefused = false;

  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    options: { nowMs: () => number; expectsContinue: boolean },
  ) {
    this.request = request;
    this.remoteAddress = plainAddress(request.socket.remoteAddress ?? "");
    this.#response = response;
    this.#nowMs = options.nowMs;
    this.#expectsContinue = options.expectsContinue;
    this.progressMs = options.nowMs();
    request.on("error", ignore);
    response.on("error", ignore);
  }

  get method(): string {
    return this.request.method ?? "";
  }

  get url(): string {
    return this.request.url ?? "";
  }

  /** The status of the answer; 499 where the client went before it was whole. */
  get status(): number {
    return this.#response.writableFinished || this.#brokenOff ? this.#response.statusCode : 499;
  }

  get httpVersion(): string {
    return this.request.httpVersion;
  }

  /** The values of a header as they came, by its name in lower case; `request.headers` keeps only the first of some. */
  valuesOf(name: string): string[] {
    const { rawHeaders } = this.request;
    return rawHeaders.filter((_, i) => i % 2 === 1 && rawHeaders[i - 1]!.toLowerCase() === name);
  }

  /** A header of the request; of one that came several times, all with commas between them, as a list. */
  header(name: string): string | undefined {
    const values = this.valuesOf(name);
    return values.length === 0 ? undefined : values.join(", ");
  }

  /** A header that tells who somebody is. Throws `Refusal` with 400 where it came several times: none is better than another. */
  soleHeader(name: string): string | undefined {
    const values = this.valuesOf(name);
    if (values.length > 1) throw new Refusal(400, `The header ${name} came several times`);
    return values[0];
  }

  /** How many bytes the body has, where the client said so. */
  get contentLength(): number | undefined {
    const text = this.request.headers["content-length"];
    if (text !== undefined) return Number(text);
    return this.request.headers["transfer-encoding"] === undefined ? 0 : undefined;
  }

  /** Whether the connection is not kept after this exchange. */
  get closesConnection(): boolean {
    return this.#closeAfter;
  }

  /** The connection is not kept after this exchange. */
  closeConnectionAfter(): void {
    this.#closeAfter = true;
  }

  /** The body, part by part. Throws `ClientGone` where it breaks off, `Refusal` where it stalled or is malformed. */
  async *body(): AsyncGenerator<Uint8Array> {
    if (this.#expectsContinue) this.#response.writeContinue();
    this.#wait("body");
    const parts = this.request.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>;
    try {
      for await (const part of parts) {
        this.bytesReceived += part.length;
        this.#wait("work");
        yield part;
        this.#wait("body");
      }
    } catch (thrown) {
      throw this.#brokenOff ?? goneOr(thrown, this);
    } finally {
      this.#wait("work");
    }
  }

  /** Answers with a whole body at once. Throws `ClientGone`. */
  async send(status: number, headers: AnswerHeaders, body: Uint8Array | string = ""): Promise<void> {
    const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
    this.begin(status, { ...headers, "content-length": bytes.length });
    if (this.request.method !== "HEAD") this.bytesSent += bytes.length;
    await this.end(bytes);
  }

  /** Begins an answer whose body is written or left out by the caller. */
  begin(status: number, headers: AnswerHeaders): void {
    if (this.#brokenOff) throw new ClientGone({ cause: this.#brokenOff });
    this.#writeHead(status, headers);
  }

  /** Writes a part of the body; resolves when it is handed over, so that the buffer may be used again. Throws `ClientGone`. */
  async write(part: Uint8Array): Promise<void> {
    this.bytesSent += part.length;
    await this.#handOver((done) => this.#response.write(part, done));
  }

  /** Ends the answer. Throws `ClientGone`. */
  async end(last?: Uint8Array): Promise<void> {
    await this.#handOver((done) => last ? this.#response.end(last, () => done()) : this.#response.end(() => done()));
  }

  /**
   * Refuses, where nothing was answered yet. What is left of the request's body is read as far as that is worth it;
   * otherwise the connection is closed once the client had a chance to see why.
   */
  async refuse(status: number, message: string, headers: AnswerHeaders = {}): Promise<void> {
    if (this.#response.headersSent) return await this.giveUp();
    const text = new TextEncoder().encode(`${message}\n`);
    const all = { ...TEXT, ...headers };
    if (!this.#isWorthReading()) {
      this.closeConnectionAfter();
      this.#isRefused = true;
      this.begin(status, { ...all, "content-length": text.length });
      await this.write(this.method === "HEAD" ? new Uint8Array() : text);
      await this.#drain(MOST_LINGERED_BYTES);
      await this.end();
      return this.cut();
    }
    await this.send(status, all, text);
    await this.finish();
  }

  /** Reads what the handler left of the body, or closes the connection where that is too much. */
  async finish(): Promise<void> {
    if (!this.request.complete && !await this.#drain(MOST_DRAINED_BYTES)) this.cut();
  }

  /** Ends the connection, after the answer where one was given in place of the handler's. */
  async giveUp(): Promise<void> {
    await this.#breakingOff;
    this.cut();
  }

  /** Ends the connection at once. */
  cut(): void {
    // An answered request does not hear of its connection's end, so whoever reads its body is told apart.
    this.request.destroy();
    this.request.socket.destroy();
  }

  /** The client did not send or take anything for too long. */
  timeOut(): void {
    if (this.waiting !== "body") this.cut();
    else this.#breakOff(new Refusal(408, "The rest of the request did not come"));
  }

  /** What follows of the request, or behind it, cannot be read. */
  malformed(): void {
    if (this.#isRefused) return; // that answer does as well, and ends the connection
    if (!this.request.complete) this.#breakOff(new Refusal(400, "The request is malformed"));
    else if (this.#response.headersSent) this.cut();
    else this.closeConnectionAfter();
  }

  /** Answers in place of the handler, unless it has begun to, and ends the connection. */
  #breakOff(refusal: Refusal): void {
    if (this.#response.headersSent) return this.cut();
    this.#brokenOff = refusal;
    this.closeConnectionAfter();
    const text = `${refusal.message}\n`;
    this.#writeHead(refusal.status, { ...TEXT, "content-length": text.length });
    this.bytesSent += text.length;
    this.#wait("linger");
    const response = this.#response;
    this.#breakingOff = new Promise<void>((resolve) => {
      response.once("close", resolve);
      response.end(text, () => resolve());
    }).then(() => this.cut());
  }

  /** No cache on the way may keep any of it: the next answer to the same question may be another. */
  #writeHead(status: number, headers: AnswerHeaders): void {
    const connection = this.#closeAfter && { connection: "close" };
    this.#response.writeHead(status, { "cache-control": "no-store", ...headers, ...connection });
  }

  #isWorthReading(): boolean {
    if (this.request.complete) return true;
    if (this.#expectsContinue && this.bytesReceived === 0) return false;
    return (this.contentLength ?? Infinity) - this.bytesReceived <= MOST_DRAINED_BYTES;
  }

  /** Reads and forgets up to so many bytes; tells whether that was all. Parts that come in give no more time. */
  async #drain(mostBytes: number): Promise<boolean> {
    this.#wait("linger");
    let drained = 0;
    try {
      for await (const part of this.request.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>) {
        drained += part.length;
        this.bytesReceived += part.length;
        if (drained > mostBytes) return false;
      }
      return true;
    } catch {
      return false; // the connection is gone, which ends the wait for its rest
    } finally {
      this.#wait("work");
    }
  }

  #wait(waiting: Waiting): void {
    this.waiting = waiting;
    this.progressMs = this.#nowMs();
  }

  /** A connection that ends may never call back, so its end counts as well. */
  #handOver(act: (done: (error?: Error | null) => void) => void): Promise<void> {
    const response = this.#response;
    // An answer that waited behind others is never told that its connection ended.
    if (response.destroyed || this.request.socket.destroyed) return Promise.reject(new ClientGone());
    this.#wait("reader");
    return new Promise<void>((resolve, reject) => {
      const done = (error?: Error | null) => {
        response.off("close", onClose);
        this.#wait("work");
        // There is one reason why a socket takes no more, even where it does not know yet that it is closed.
        if (error) reject(new ClientGone({ cause: error }));
        else resolve();
      };
      const onClose = () => done(response.writableFinished ? null : new ClientGone());
      response.once("close", onClose);
      act(done);
    });
  }
}

function goneOr(thrown: unknown, { request }: Exchange): unknown {
  return request.destroyed || request.socket?.destroyed ? new ClientGone({ cause: thrown }) : thrown;
}

function ignore(): void {
  // A broken connection is told to whoever waits for it; the event is a second telling.
}
