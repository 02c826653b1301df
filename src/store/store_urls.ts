/** Which store a repository URL means. */
import { invariant, UsageError } from "../base/errors.ts";
import type { Clock } from "../base/clock.ts";
import type { NetworkOptions } from "./http/client.ts";
import type { Retry } from "./retry.ts";
import type { BlobStore } from "./store.ts";

/** A repository URL, taken apart at its first colon. */
export interface StoreUrl {
  /** What kind of store, in lower case; `local` where the text is a plain path. */
  readonly scheme: string;
  /** What follows the scheme: a path, an address. It may hold a password, so it stays out of messages. */
  readonly place: string;
}

/** What stores need from outside. */
export interface StoreDependencies {
  /** Gives that many random bytes. */
  readonly random: (lengthBytes: number) => Uint8Array;
  /** Measures pauses before a call is made again. */
  readonly clock: Clock;
  /** A variable of the environment, where credentials for servers may stand; by default there is none. */
  readonly env?: (name: string) => string | undefined;
  /** How to get to servers. */
  readonly network?: NetworkOptions;
  /** What a user set for one kind of store, such as `s3.region`, by name. */
  readonly settings?: ReadonlyMap<string, string>;
  /** Told before a failed call is made again. */
  readonly onRetry?: (retry: Retry) => void;
}

/** Opens the store at a place, or throws `UsageError` for a place that makes no sense. */
export type StoreFactory = (place: string, dependencies: StoreDependencies) => BlobStore | Promise<BlobStore>;

/**
 * Takes a repository URL apart: `/srv/repo` and `local:/srv/repo` mean a folder, `xyz:place` a store of the scheme `xyz`.
 * A colon behind a slash belongs to a path, as in `./a:b`. Whether the scheme is known is for the registry to say.
 * Throws `UsageError` for a text without a place.
 */
export function parseStoreUrl(text: string): StoreUrl {
  const match = /^([^/:]+):(.*)$/s.exec(text);
  const url = match ? { scheme: match[1]!.toLowerCase(), place: match[2]! } : { scheme: "local", place: text };
  if (url.place === "") {
    throw new UsageError(
      `No repository given: nothing follows ${JSON.stringify(text)}; write a path such as /srv/backup`,
    );
  }
  return url;
}

/** The stores that a program knows, by scheme. */
export class StoreRegistry {
  readonly #factories = new Map<string, StoreFactory>();

  /** Adds a store. Throws `BugError` for a scheme that is taken or is not lower-case letters, digits, `+`, `.`, `-`. */
  register(scheme: string, factory: StoreFactory): void {
    invariant(/^[a-z][a-z0-9+.-]*$/.test(scheme), `Not a scheme: "${scheme}"`);
    invariant(!this.#factories.has(scheme), `The scheme "${scheme}" is registered already`);
    this.#factories.set(scheme, factory);
  }

  /** The schemes that can be opened, sorted. */
  get schemes(): string[] {
    return [...this.#factories.keys()].sort();
  }

  /** Opens the store a repository URL means. Throws `UsageError` for an unknown scheme, and what its factory throws. */
  async open(text: string, dependencies: StoreDependencies): Promise<BlobStore> {
    const { scheme, place } = parseStoreUrl(text);
    const factory = this.#factories.get(scheme);
    if (!factory) throw this.#unknownScheme(scheme);
    return await factory(place, dependencies);
  }

  #unknownScheme(scheme: string): UsageError {
    const known = `use ${this.schemes.map((name) => `${name}:`).join(", ")} or a path`;
    return new UsageError(
      `Unknown kind of repository ${JSON.stringify(scheme)}; ${known}; write a relative path with a colon as ./PATH`,
    );
  }
}
