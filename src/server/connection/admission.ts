/** Which connections there may be at a time: whoever has the most gives way, so that no client takes the places of others. */
import { isIP } from "node:net";
import type { Duplex } from "node:stream";
import { isLoopbackHost, plainAddress } from "./addresses.ts";

/** How many connections there may be. */
export interface Places {
  readonly mostConnections: number;
  /** Of one client that is on another machine: a reverse proxy on this one speaks for many. */
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

  /** How many there are. */
  get size(): number {
    return this.#clients.size;
  }

  /** All that are there. */
  all(): Connection[] {
    return [...this.#clients.keys()];
  }

  /**
   * Takes a connection on. Gives the one that has to go for that, the new one itself where it is not taken on, or undefined
   * where there is room: one of `idle` (the longest idle first) of the client that has the most, or else its oldest one.
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

  /** A connection ended. */
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
    // Of two that have as many each, neither makes way for the other's busy connections.
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
 * Who counts as one client, by the address of its socket: an IPv4 address, or the 64 bits of an IPv6 address that are given to
 * a network (whoever has one has all addresses in it); empty for a unix socket.
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

/** Whether a client, as `clientOf` tells it, is on this machine: a proxy here speaks for many. */
export function isHere(client: string): boolean {
  return client === "" || isLoopbackHost(client);
}

function firstOf<T>(items: Iterable<T>): T | undefined {
  for (const item of items) return item;
  return undefined;
}
