/** Finds the store that a repository URL means. */
import { type AgentError, invariant, UsageError } from "../base/errors.ts";
import type { Clock } from "../base/clock.ts";
import { didYouMean } from "../base/text/nearest_name.ts";
import type { NetworkOptions } from "./http/client.ts";
import type { Retry } from "./retry.ts";
import type { BlobStore } from "./store.ts";

/** A repository URL, split at its first colon. */
export interface StoreUrl {
  /** The kind of store, in lower case; `local` if the text is a plain path. */
  readonly scheme: string;
  /** What follows the scheme: a path or an address. It may contain a password, so messages leave it out. */
  readonly place: string;
}

/** What stores need from outside. */
export interface StoreDependencies {
  /** Returns that many random bytes. */
  readonly random: (lengthBytes: number) => Uint8Array;
  /** Measures the waits between retries. */
  readonly clock: Clock;
  /** Reads a variable of the environment, which may hold credentials for servers; by default there are none. */
  readonly env?: (name: string) => string | undefined;
  /** How to reach servers. */
  readonly network?: NetworkOptions;
  /** The user's settings for kinds of stores, by names such as `s3.region`. */
  readonly settings?: ReadonlyMap<string, string>;
  /** Called before a failed call is retried. */
  readonly onRetry?: (retry: Retry) => void;
}

/** Opens the store at a place. Throws `UsageError` for a place that makes no sense. */
export type StoreFactory = (place: string, dependencies: StoreDependencies) => BlobStore | Promise<BlobStore>;

/**
 * Parses a repository URL: `/srv/repo` and `local:/srv/repo` mean a folder, `xyz:place` a store of the scheme `xyz`. A
 * colon after a slash belongs to a path, as in `./a:b`. The registry decides whether the scheme is known. Throws
 * `UsageError` for a text without a place.
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

/** How a store is registered. */
export interface RegisterStoreOptions {
  /** Whether it lies on another machine, so that it is worth a cache on this one; false by default. */
  readonly isRemote?: boolean;
}

/** The stores that a program knows, by scheme. */
export class StoreRegistry {
  readonly #factories = new Map<string, StoreFactory>();
  readonly #remote = new Set<string>();
  readonly #base: StoreRegistry | undefined;

  /** The error for an unknown scheme, given the usual one; for a program that knows more of the scheme. */
  onUnknown: (scheme: string, error: UsageError) => AgentError = (scheme, error) =>
    this.#base?.onUnknown(scheme, error) ?? error;

  /** No stores, or those of another registry, which stays as it is whatever is added here. */
  constructor(base?: StoreRegistry) {
    this.#base = base;
  }

  /**
   * Adds a store. Throws `BugError` if the scheme is taken or contains anything but lower-case letters, digits, `+`,
   * `.` and `-`.
   */
  register(scheme: string, factory: StoreFactory, { isRemote = false }: RegisterStoreOptions = {}): void {
    invariant(/^[a-z][a-z0-9+.-]*$/.test(scheme), `Not a scheme: "${scheme}"`);
    invariant(this.#find(scheme) === undefined, `The scheme "${scheme}" is registered already`);
    this.#factories.set(scheme, factory);
    if (isRemote) this.#remote.add(scheme);
  }

  /** Whether a repository URL names a store on another machine. Throws `UsageError` as `parseStoreUrl` does. */
  isRemote(text: string): boolean {
    return this.#remote.has(parseStoreUrl(text).scheme) || (this.#base?.isRemote(text) ?? false);
  }

  /** The schemes that can be opened, sorted. */
  get schemes(): string[] {
    return [...this.#base?.schemes ?? [], ...this.#factories.keys()].sort();
  }

  /**
   * Opens the store that a repository URL means. Throws `UsageError` for an unknown scheme, and what its factory
   * throws.
   */
  async open(text: string, dependencies: StoreDependencies): Promise<BlobStore> {
    const { scheme, place } = parseStoreUrl(text);
    const factory = this.#find(scheme);
    if (!factory) throw this.onUnknown(scheme, this.#unknownScheme(scheme));
    return await factory(place, dependencies);
  }

  #find(scheme: string): StoreFactory | undefined {
    const own = this.#factories.get(scheme);
    return own !== undefined || this.#base === undefined ? own : this.#base.#find(scheme);
  }

  #unknownScheme(scheme: string): UsageError {
    const what = `Unknown kind of repository ${JSON.stringify(scheme)}${didYouMean(scheme, this.schemes)}`;
    const known = `use ${this.schemes.map((name) => `${name}:`).join(", ")} or a path`;
    return new UsageError(`${what}; ${known}; write a relative path with a colon as ./PATH`);
  }
}
