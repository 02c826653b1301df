/**
 * Decides which connections a server keeps: when places are short, the client with the most loses one, so that no
 * client takes the places of others.
 */
import { isIP } from "node:net";
import type { Duplex } from "node:stream";
import { isLoopbackHost, plainAddress } from "./addresses.ts";

/** How many connections are allowed. */
export interface Places {
  readonly mostConnections: number;
  /** The most of one client on another machine. A client on this machine may be a reverse proxy that acts for many. */
  readonly mostOfOneClient: number;
}

/** The connections of a server by client, the oldest first. */
export class Admission<Connection extends Duplex> {
  readonly #places: Places;
  readonly #clients = new Map<Connection, string>();
  readonly #counts = new Map<string, number>();

  constructor(places: Places) {
    this.#places = places;
  }

  /** How many connections there are. */
  get size(): number {
    return this.#clients.size;
  }

  /** All connections. */
  all(): Connection[] {
    return [...this.#clients.keys()];
  }

  /**
   * Admits a connection. Returns the connection to close: undefined if there is room; the new one if it is not
   * admitted; or else one of the client with the most connections, first the longest idle of `idle`, then its oldest.
   */
  admit(connection: Connection, client: string, idle: Iterable<Connection>): Connection | undefined {
    const leaving = this.#whoLeaves(connection, client, idle);
    if (leaving) this.leave(leaving);
    if (leaving !== connection) {
      this.#clients.set(connection, client);
      this.#counts.set(client, this.#countOf(client) + 1);
    }
    return leaving;
  }

  /** Records that a connection has ended. */
  leave(connection: Connection): void {
    const client = this.#clients.get(connection);
    if (client === undefined) return;
    this.#clients.delete(connection);
    const count = this.#countOf(client) - 1;
    if (count === 0) this.#counts.delete(client);
    else this.#counts.set(client, count);
  }

  #whoLeaves(connection: Connection, client: string, idle: Iterable<Connection>): Connection | undefined {
    const count = this.#countOf(client);
    const { mostConnections, mostOfOneClient } = this.#places;
    if (count >= mostOfOneClient && !isHere(client)) return this.#idleOf(client, idle) ?? connection;
    if (this.#clients.size < mostConnections) return undefined;
    const [heaviest, heaviestCount] = this.#heaviest();
    // Between two clients with equally many connections, neither loses a busy one to the other.
    if (heaviestCount <= count + 1) return this.#idleOf(client, idle) ?? firstOf(idle) ?? connection;
    return this.#idleOf(heaviest, idle) ?? this.#oldestOf(heaviest) ?? connection;
  }

  #countOf(client: string): number {
    return this.#counts.get(client) ?? 0;
  }

  #heaviest(): readonly [client: string, count: number] {
    let found: readonly [string, number] = ["", 0];
    for (const entry of this.#counts) if (entry[1] > found[1]) found = entry;
    return found;
  }

  #idleOf(client: string, idle: Iterable<Connection>): Connection | undefined {
    for (const connection of idle) if (this.#clients.get(connection) === client) return connection;
    return undefined;
  }

  #oldestOf(client: string): Connection | undefined {
    return this.#idleOf(client, this.#clients.keys());
  }
}

/**
 * The name of the client behind a socket's address: an IPv4 address, or the 64-bit prefix of an IPv6 address, because
 * the owner of a network has all addresses in it. Empty for a unix socket.
 */
export function clientOf(remoteAddress: string | undefined): string {
  const address = plainAddress(remoteAddress ?? "");
  if (isIP(address) !== 6 || isLoopbackHost(address)) return address;
  const [head = "", tail] = address.split("%")[0]!.toLowerCase().split("::");
  const groups = head === "" ? [] : head.split(":");
  const missing = tail === undefined ? 0 : 8 - groups.length - (tail === "" ? 0 : tail.split(":").length);
  const all = [...groups, ...Array.from({ length: missing }, () => "0"), ...(tail ?? "").split(":")];
  return `${all.slice(0, 4).map((group) => group.replace(/^0+(?=.)/, "")).join(":")}::/64`;
}

/** Whether a client (a name from `clientOf`) is on this machine, where it may be a proxy that acts for many. */
export function isHere(client: string): boolean {
  return client === "" || isLoopbackHost(client);
}

function firstOf<T>(items: Iterable<T>): T | undefined {
  for (const item of items) return item;
  return undefined;
}
