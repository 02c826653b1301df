/** The open connections of a server: one request at a time on each, none that stalls, no client that takes all. */
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { Turn } from "../../base/limits.ts";
import { Admission, clientOf, type Places } from "./admission.ts";
import type { Exchange, Waiting } from "./exchange.ts";

/** How long a client may keep a server waiting, in milliseconds, and how many may. */
export interface Patience extends Places {
  /** For all headers of a request, for the first request of a connection, and for a TLS handshake. */
  readonly headersMs: number;
  /** Between two parts of a body. */
  readonly bodyMs: number;
  /** Until a client takes what was sent, 256 KiB at a time. */
  readonly readerMs: number;
  /** For all of the rest of a body that was refused. */
  readonly lingerMs: number;
  /** Between two requests of a connection. */
  readonly idleMs: number;
}

/** What suits restic, which gives up after five minutes itself. */
export const USUAL_PATIENCE: Patience = {
  headersMs: 60_000,
  bodyMs: 60_000,
  readerMs: 300_000,
  lingerMs: 5_000,
  idleMs: 300_000,
  mostConnections: 8192,
  mostOfOneClient: 1024,
};

/** Requests that a client may send ahead of the answers; no client of this protocol sends any. */
const MOST_QUEUED = 32;

interface Connection {
  queued: number;
  readonly turn: Turn;
  /** After an answer that says so, nothing that was sent ahead is done any more. */
  isEnding: boolean;
}

/** All connections of one server. */
export class Connections {
  readonly #patience: Patience;
  readonly #open = new Map<Duplex, Connection>();
  readonly #admission: Admission<Socket>;
  /** The longest idle first. */
  readonly #idle = new Set<Socket>();
  /** What TLS connections are made of, from before their handshake. */
  readonly #underTls: Admission<Socket>;
  readonly #exchanges = new Set<Exchange>();
  readonly #running = new Set<Promise<void>>();

  constructor(patience: Patience) {
    this.#patience = patience;
    this.#admission = new Admission(patience);
    // Those that are in their handshake cannot be told to be idle, so there are as many places for them again.
    this.#underTls = new Admission({ ...patience, mostConnections: 2 * patience.mostConnections });
  }

  get openCount(): number {
    return this.#open.size;
  }

  get idleCount(): number {
    return this.#idle.size;
  }

  /** Exchanges that are not over. */
  get inFlightCount(): number {
    return this.#exchanges.size;
  }

  /** Takes a connection on. */
  add(socket: Socket): void {
    const leaving = this.#admission.admit(socket, clientOf(socket.remoteAddress), this.#idle);
    if (leaving) this.#end(leaving);
    if (leaving === socket) return;
    this.#open.set(socket, { queued: 0, turn: new Turn(), isEnding: false });
    this.#idle.add(socket);
    socket.once("close", () => this.#forget(socket));
    // A client that said all it has to say still waits for the answer; one that ends within a body has broken off.
    socket.once("end", () => this.#exchangesOn(socket).find(({ request }) => !request.complete)?.cut());
  }

  /** Takes note of a socket that a TLS connection is about to be made of, so that none is left at the end. */
  addUnderTls(socket: Socket): void {
    const leaving = this.#underTls.admit(socket, clientOf(socket.remoteAddress), []);
    leaving?.destroy();
    socket.once("close", () => this.#underTls.leave(socket));
  }

  /**
   * What came on a connection cannot be read. Tells whether the request that it belongs to is answered; where it belongs to
   * none, nothing may get into the answer to what came before.
   */
  answerMalformed(socket: Duplex): boolean {
    const connection = this.#open.get(socket);
    if (!connection || connection.queued === 0) return false;
    const exchange = connection.queued === 1 ? this.#exchangesOn(socket)[0] : undefined;
    if (exchange) exchange.malformed();
    else socket.destroy();
    return true;
  }

  /** Runs an exchange after those that came before on the same connection. `work` never rejects. */
  run(exchange: Exchange, work: () => Promise<void>): void {
    const socket = exchange.request.socket;
    const connection = this.#open.get(socket);
    if (!connection || connection.queued >= MOST_QUEUED) return exchange.cut();
    this.#idle.delete(socket);
    connection.queued++;
    const running = connection.turn.take(async () => {
      await this.#work(connection, exchange, work);
      if (--connection.queued === 0 && this.#open.has(socket)) this.#idle.add(socket);
    });
    this.#running.add(running);
    void running.finally(() => this.#running.delete(running));
  }

  /** Ends the exchanges whose client did nothing for too long. */
  endStalled(nowMs: number): void {
    const { bodyMs, readerMs, lingerMs } = this.#patience;
    const limits: Record<Waiting, number> = { work: Infinity, body: bodyMs, reader: readerMs, linger: lingerMs };
    for (const exchange of this.#exchanges) {
      if (nowMs - exchange.progressMs > limits[exchange.waiting]) exchange.timeOut();
    }
  }

  /** Closes the idle connections, and each other one after the answer it waits for. */
  closeAfterAnswers(): void {
    for (const socket of [...this.#idle]) socket.destroy();
    for (const exchange of this.#exchanges) exchange.closeConnectionAfter();
  }

  /** Closes every connection. */
  cutAll(): void {
    for (const socket of [...this.#open.keys(), ...this.#underTls.all()]) socket.destroy();
  }

  /** Resolves when no exchange is under way. */
  async settled(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  async #work(connection: Connection, exchange: Exchange, work: () => Promise<void>): Promise<void> {
    if (connection.isEnding) return;
    this.#exchanges.add(exchange);
    try {
      await work();
    } finally {
      this.#exchanges.delete(exchange);
      connection.isEnding ||= exchange.closesConnection;
    }
  }

  #exchangesOn(socket: Duplex): Exchange[] {
    return [...this.#exchanges].filter(({ request }) => request.socket === socket);
  }

  #end(socket: Socket): void {
    this.#forget(socket);
    // Its exchanges do not hear of it otherwise.
    for (const exchange of this.#exchangesOn(socket)) exchange.cut();
    socket.destroy();
  }

  #forget(socket: Socket): void {
    this.#open.delete(socket);
    this.#idle.delete(socket);
    this.#admission.leave(socket);
  }
}
