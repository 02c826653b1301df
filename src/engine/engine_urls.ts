/** Finds the engine that the URL of a source or target means. */
import { type AgentError, invariant, UsageError } from "../base/errors.ts";
import { didYouMean } from "../base/text/nearest_name.ts";
import type { Engine, EngineSource, EngineTarget, EngineUrl } from "./engine.ts";

/** A source or target and the engine that it belongs to. */
export interface Driven<T> {
  /** The engine's name: the scheme of the URL. */
  readonly name: string;
  /** The engine itself. */
  readonly engine: Engine;
  /** The source or target. */
  readonly driver: T;
}

/** The engines that a program knows, by scheme. */
export class EngineRegistry {
  readonly #engines = new Map<string, { readonly name: string; readonly engine: Engine }>();
  readonly #base: EngineRegistry | undefined;

  /** The error for an unknown scheme, given the usual one; for a program that knows more of the scheme. */
  onUnknown: (scheme: string, error: UsageError) => AgentError = (scheme, error) =>
    this.#base?.onUnknown(scheme, error) ?? error;

  /** No engines, or those of another registry, which stays as it is whatever is added here. */
  constructor(base?: EngineRegistry) {
    this.#base = base;
  }

  /**
   * Adds an engine, whose name is the scheme. `aliases` are other schemes of its URLs. Throws `BugError` if a scheme is
   * taken, or is one letter long or contains anything but lower-case letters, digits, `+`, `.` and `-`.
   */
  register(name: string, engine: Engine, aliases: readonly string[] = []): void {
    for (const scheme of [name, ...aliases]) {
      invariant(/^[a-z][a-z0-9+.-]+$/.test(scheme), `Not a scheme: "${scheme}"`);
      invariant(this.#find(scheme) === undefined, `The scheme "${scheme}" is registered already`);
      this.#engines.set(scheme, { name, engine });
    }
  }

  /** The engine of this name, or with URLs of this scheme; undefined if there is none. */
  get(name: string): Engine | undefined {
    return this.#find(name)?.engine;
  }

  /** The schemes that engines have, sorted. */
  get schemes(): string[] {
    return [...this.#base?.schemes ?? [], ...this.#engines.keys()].sort();
  }

  /** The source at a URL. Throws `UsageError` if no engine reads it, and what its engine throws. */
  source(text: string): Driven<EngineSource> {
    const url = this.#parse(text, "source");
    const { name, engine } = this.#engineFor(url, "source");
    if (engine.source === undefined) throw new UsageError(`${url.scheme}: cannot be read from; it is a target only`);
    return { name, engine, driver: engine.source(url) };
  }

  /** The target at a URL. Throws `UsageError` if no engine writes it, and what its engine throws. */
  target(text: string): Driven<EngineTarget> {
    const url = this.#parse(text, "target");
    const { name, engine } = this.#engineFor(url, "target");
    if (engine.target === undefined) throw new UsageError(`${url.scheme}: cannot be written to; it is a source only`);
    return { name, engine, driver: engine.target(url) };
  }

  #parse(text: string, what: string): EngineUrl {
    const url = parseEngineUrl(text);
    if (url !== undefined) return url;
    throw new UsageError(
      `Not a ${what}: ${
        JSON.stringify(withoutPassword(text))
      }: it does not begin with the engine for it, as tar:/srv/files does`,
    );
  }

  #find(scheme: string): { readonly name: string; readonly engine: Engine } | undefined {
    const own = this.#engines.get(scheme);
    return own !== undefined || this.#base === undefined ? own : this.#base.#find(scheme);
  }

  #engineFor({ scheme, parameters }: EngineUrl, what: string): { readonly name: string; readonly engine: Engine } {
    const found = this.#find(scheme);
    if (found === undefined) {
      const hint = didYouMean(scheme, this.schemes) || `; known are ${this.#known}`;
      throw this.onUnknown(scheme, new UsageError(`Unknown kind of ${what} ${JSON.stringify(scheme)}${hint}`));
    }
    const known = found.engine.parameters;
    if (known !== "any") requireKnown(scheme, [...parameters.keys()], known);
    return found;
  }

  get #known(): string {
    return this.schemes.map((scheme) => `${scheme}:`).join(", ") || "none";
  }
}

/** A URL for messages: three asterisks stand for what may be a password. */
export function withoutPassword(text: string): string {
  return text.replace(/(\/\/[^:/?@]*):.*@/s, "$1:***@").replaceAll(/([?&]password=)[^&]*/g, "$1***");
}

/** Throws a `UsageError` that names the first of the parameters of a URL that is not known, and the nearest that is. */
export function requireKnown(scheme: string, given: readonly string[], known: readonly string[]): void {
  const unknown = given.find((name) => !known.includes(name));
  if (unknown === undefined) return;
  const hint = didYouMean(unknown, known) || `; it has ${known.join(", ") || "none"}`;
  throw new UsageError(`${scheme}: has no parameter ${JSON.stringify(unknown)}${hint}`);
}

/**
 * Takes the URL of a source or target apart: `SCHEME:PLACE?NAME=VALUE&NAME=VALUE`. A percent sign with two hexadecimal
 * digits stands for a byte (RFC 3986), so that a place may contain a question mark as `%3F`; a plus sign is a plus sign.
 * A parameter without a value has the empty one. Undefined for a text without a scheme, which is a path. Throws
 * `UsageError` if bytes are not valid UTF-8 once they are decoded.
 */
export function parseEngineUrl(text: string): EngineUrl | undefined {
  const match = /^([A-Za-z][A-Za-z0-9+.-]+):(([^?]*)(?:\?(.*))?)$/s.exec(text);
  if (match === null) return undefined;
  const [, scheme, rest, place, query = ""] = match;
  const parameters = new Map<string, string[]>();
  for (const parameter of query.split("&")) {
    if (parameter === "") continue;
    const [name, ...value] = parameter.split("=");
    const decoded = decodePercent(name!);
    parameters.set(decoded, [...parameters.get(decoded) ?? [], decodePercent(value.join("="))]);
  }
  return { scheme: scheme!.toLowerCase(), place: decodePercent(place!), text: rest!, parameters };
}

/**
 * Decodes the percent signs of a URL, but leaves one alone that is not followed by two hexadecimal digits. Throws
 * `UsageError` if bytes are not valid UTF-8 once they are decoded.
 */
export function decodePercent(text: string): string {
  try {
    return text.replaceAll(/(?:%[0-9A-Fa-f]{2})+/g, decodeURIComponent);
  } catch (error) {
    throw new UsageError(`Not a URL: its percent signs do not stand for valid UTF-8; write a percent sign as %25`, {
      cause: error,
    });
  }
}
