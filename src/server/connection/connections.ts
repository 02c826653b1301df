/**
 * The open connections of a server: each runs one request at a time, none may stall, and no client may take all of
 * them.
 */
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { Turn } from "../../base/limits.ts";
import { Admission, clientOf, type Places } from "./admission.ts";
import type { Exchange, Waiting } from "./exchange.ts";

/** How long a client may keep the server waiting, in milliseconds, and how many connections there may be. */
export interface Patience extends Places {
  /** For all headers of a request, the first request of a connection, and a TLS handshake. */
  readonly headersMs: number;
  /** Between two pieces of a body. */
  readonly bodyMs: number;
  /** Until the client accepts what was sent, 256 KiB at a time. */
  readonly readerMs: number;
  /** For the whole rest of a refused body. */
  readonly lingerMs: number;
  /** Between two requests on a connection. */
  readonly idleMs: number;
}

/** Suits restic, which itself gives up after five minutes. */
export const USUAL_PATIENCE: Patience = {
  headersMs: 60_000,
  bodyMs: 60_000,
  readerMs: 300_000,
  lingerMs: 5_000,
  idleMs: 300_000,
  mostConnections: 8192,
  mostOfOneClient: 1024,
};

/** How many requests a client may send before it has the answers; clients of this protocol send none early. */
const MOST_QUEUED = 32;

interface Connection {
  queued: number;
  readonly turn: Turn;
  /** Whether the connection closes after the current answer; requests that were sent early are then not run. */
  isEnding: boolean;
}

/** All connections of one server. */
export class Connections {
  readonly #patience: Patience;
  readonly #open = new Map<Duplex, Connection>();
  readonly #admission: Admission<Socket>;
  /** In order, the longest idle first. */
  readonly #idle = new Set<Socket>();
  /** The sockets under TLS connections, from before their handshake. */
  readonly #underTls: Admission<Socket>;
  readonly #exchanges = new Set<Exchange>();
  readonly #running = new Set<Promise<void>>();

  constructor(patience: Patience) {
    this.#patience = patience;
    this.#admission = new Admission(patience);
    // A socket in its handshake cannot be recognised as idle, so handshakes get the same number of places again.
    this.#underTls = new Admission({ ...patience, mostConnections: 2 * patience.mostConnections });
  }

  get openCount(): number {
    return this.#open.size;
  }

  get idleCount(): number {
    return this.#idle.size;
  }

  /** How many exchanges are not over. */
  get inFlightCount(): number {
    return this.#exchanges.size;
  }

  /** Adds a connection, if there is a place for it. */
  add(socket: Socket): void {
    const leaving = this.#admission.admit(socket, clientOf(socket.remoteAddress), this.#idle);
    if (leaving) this.#end(leaving);
    if (leaving === socket) return;
    this.#open.set(socket, { queued: 0, turn: new Turn(), isEnding: false });
    this.#idle.add(socket);
    socket.once("close", () => this.#forget(socket));
    // A client that has sent everything still waits for its answer; one that ends within a body has broken off.
    socket.once("end", () => this.#exchangesOn(socket).find(({ request }) => !request.complete)?.cut());
  }

  /** Records a socket before its TLS handshake, so that it can be closed with the others. */
  addUnderTls(socket: Socket): void {
    const leaving = this.#underTls.admit(socket, clientOf(socket.remoteAddress), []);
    leaving?.destroy();
    socket.once("close", () => this.#underTls.leave(socket));
  }

  /**
   * Handles unreadable data on a connection. Returns false if no request is under way, so that the caller has to
   * answer. If several are, cuts the connection, so that nothing gets into the answer to an earlier request.
   */
  answerMalformed(socket: Duplex): boolean {
    const connection = this.#open.get(socket);
    if (!connection || connection.queued === 0) return false;
    const exchange = connection.queued === 1 ? this.#exchangesOn(socket)[0] : undefined;
    if (exchange) exchange.malformed();
    else socket.destroy();
    return true;
  }

  /** Runs an exchange after the earlier ones on the same connection. `work` never rejects. */
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

  /** Ends the exchanges whose client was inactive for too long. */
  endStalled(nowMs: number): void {
    const { bodyMs, readerMs, lingerMs } = this.#patience;
    const limits: Record<Waiting, number> = { work: Infinity, body: bodyMs, reader: readerMs, linger: lingerMs };
    for (const exchange of this.#exchanges) {
      if (nowMs - exchange.progressMs > limits[exchange.waiting]) exchange.timeOut();
    }
  }

  /** Closes the idle connections at once, and each other one after its current answer. */
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
    // The exchanges would not learn of it otherwise.
    for (const exchange of this.#exchangesOn(socket)) exchange.cut();
    socket.destroy();
  }

  #forget(socket: Socket): void {
    this.#open.delete(socket);
    this.#idle.delete(socket);
    this.#admission.leave(socket);
  }
}
