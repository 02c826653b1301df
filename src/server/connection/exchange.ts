/**
 * One request and its answer. Reads the body as it comes in, writes the answer as the client accepts it, and records
 * what it waits for, so that a stalled client can be told from a slow one.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { plainAddress } from "./addresses.ts";
import { ClientGone, Refusal } from "../refusal.ts";

/**
 * What an exchange waits for: the server's own work, the client to send (`body`), to receive (`reader`), or to notice a
 * refusal (`linger`).
 */
export type Waiting = "work" | "body" | "reader" | "linger";

/** Headers of an answer. */
type AnswerHeaders = Readonly<Record<string, string | number>>;

/** The rest of a body is read up to this size, so that the connection can be kept. */
const MOST_DRAINED_BYTES = 2 ** 18;
/**
 * Of a refused body, this much is read before the connection is cut, for clients that read the answer only after
 * sending.
 */
const MOST_LINGERED_BYTES = 2 ** 23;

const TEXT = { "content-type": "text/plain; charset=utf-8" };

/** One exchange for every request; used by one handler. */
export class Exchange {
  readonly request: IncomingMessage;
  /** The client's address; empty for a unix socket. Known even after the connection has ended. */
  readonly remoteAddress: string;
  /** The user who sent the request, if known. */
  user = "";
  bytesReceived = 0;
  bytesSent = 0;
  waiting: Waiting = "work";
  /** When it last made progress, in the clock's milliseconds. */
  progressMs: number;
  readonly #response: ServerResponse;
  readonly #nowMs: () => number;
  readonly #expectsContinue: boolean;
  #closeAfter = false;
  /** The answer that was sent in place of the handler's. */
  #brokenOff: Refusal | undefined;
  #breakingOff: Promise<void> | undefined;
  /** Whether an answer that ends the connection is being sent while the rest of the body is read. */
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

  /** The status of the answer; 499 if the client left before the answer was complete. */
  get status(): number {
    return this.#response.writableFinished || this.#brokenOff ? this.#response.statusCode : 499;
  }

  get httpVersion(): string {
    return this.request.httpVersion;
  }

  /**
   * The values of a header as received, by its name in lower case; for some headers, `request.headers` keeps only the
   * first.
   */
  valuesOf(name: string): string[] {
    const { rawHeaders } = this.request;
    return rawHeaders.filter((_, i) => i % 2 === 1 && rawHeaders[i - 1]!.toLowerCase() === name);
  }

  /** A header of the request; repeated values are joined with commas, as a list. */
  header(name: string): string | undefined {
    const values = this.valuesOf(name);
    return values.length === 0 ? undefined : values.join(", ");
  }

  /**
   * A header that identifies a user. Throws `Refusal` with 400 if it is repeated, since either value could be the wrong
   * one.
   */
  soleHeader(name: string): string | undefined {
    const values = this.valuesOf(name);
    if (values.length > 1) throw new Refusal(400, `The header ${name} came several times`);
    return values[0];
  }

  /** The length of the body in bytes; undefined if the client did not announce it. */
  get contentLength(): number | undefined {
    const text = this.request.headers["content-length"];
    if (text !== undefined) return Number(text);
    return this.request.headers["transfer-encoding"] === undefined ? 0 : undefined;
  }

  /** Whether the connection closes after this exchange. */
  get closesConnection(): boolean {
    return this.#closeAfter;
  }

  /** Makes the connection close after this exchange. */
  closeConnectionAfter(): void {
    this.#closeAfter = true;
  }

  /** The body, part by part. Throws `ClientGone` if it breaks off, and `Refusal` if it stalled or is malformed. */
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

  /** Begins an answer; the caller writes the body or leaves it out. */
  begin(status: number, headers: AnswerHeaders): void {
    if (this.#brokenOff) throw new ClientGone({ cause: this.#brokenOff });
    this.#writeHead(status, headers);
  }

  /** Writes a part of the body. Owns: the buffer may be reused once the promise resolves. Throws `ClientGone`. */
  async write(part: Uint8Array): Promise<void> {
    this.bytesSent += part.length;
    await this.#handOver((done) => this.#response.write(part, done));
  }

  /** Ends the answer. Throws `ClientGone`. */
  async end(last?: Uint8Array): Promise<void> {
    await this.#handOver((done) => last ? this.#response.end(last, () => done()) : this.#response.end(() => done()));
  }

  /**
   * Refuses the request; if an answer has begun, cuts the connection instead. Reads the rest of the body if it is
   * short. Otherwise closes the connection, after giving the client a chance to see the reason.
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

  /** Reads what the handler left of the body; closes the connection if that is too much. */
  async finish(): Promise<void> {
    if (!this.request.complete && !await this.#drain(MOST_DRAINED_BYTES)) this.cut();
  }

  /** Ends the connection, after the answer that replaced the handler's, if there is one. */
  async giveUp(): Promise<void> {
    await this.#breakingOff;
    this.cut();
  }

  /** Ends the connection at once. */
  cut(): void {
    // An answered request does not notice that its connection ended, so its body's readers are stopped here.
    this.request.destroy();
    this.request.socket.destroy();
  }

  /** Ends the exchange because the client sent or received nothing for too long. */
  timeOut(): void {
    if (this.waiting !== "body") this.cut();
    else this.#breakOff(new Refusal(408, "The rest of the request did not come"));
  }

  /** Handles unreadable data in the request or after it. */
  malformed(): void {
    if (this.#isRefused) return; // The refusal is answer enough, and ends the connection.
    if (!this.request.complete) this.#breakOff(new Refusal(400, "The request is malformed"));
    else if (this.#response.headersSent) this.cut();
    else this.closeConnectionAfter();
  }

  /** Answers in place of the handler, unless its answer has begun, and ends the connection. */
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

  /** No cache on the way may keep an answer: the next answer to the same request may differ. */
  #writeHead(status: number, headers: AnswerHeaders): void {
    const connection = this.#closeAfter && { connection: "close" };
    this.#response.writeHead(status, { "cache-control": "no-store", ...headers, ...connection });
  }

  #isWorthReading(): boolean {
    if (this.request.complete) return true;
    if (this.#expectsContinue && this.bytesReceived === 0) return false;
    return (this.contentLength ?? Infinity) - this.bytesReceived <= MOST_DRAINED_BYTES;
  }

  /**
   * Reads and discards up to that many bytes; returns whether that was everything. Incoming data does not extend the
   * time limit.
   */
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
      return false; // The connection is gone, so nothing more will come.
    } finally {
      this.#wait("work");
    }
  }

  #wait(waiting: Waiting): void {
    this.waiting = waiting;
    this.progressMs = this.#nowMs();
  }

  /** Hands data to the response. A connection that ends may never call back, so its end is watched, too. */
  #handOver(act: (done: (error?: Error | null) => void) => void): Promise<void> {
    const response = this.#response;
    // An answer that waited behind others does not notice that its connection ended.
    if (response.destroyed || this.request.socket.destroyed) return Promise.reject(new ClientGone());
    this.#wait("reader");
    return new Promise<void>((resolve, reject) => {
      const done = (error?: Error | null) => {
        response.off("close", onClose);
        this.#wait("work");
        // A socket accepts nothing more only if the client is gone, even if the socket does not yet know that it is
        // closed.
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
  // Functions that wait for a broken connection throw; the event would only report it again.
}
