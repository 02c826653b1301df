/** The secrets of repositories in the environment, and how child processes are kept from them. */
import { UsageError } from "../../base/errors.ts";
import { isRepositorySecret, REPOSITORY_PREFIXES } from "../../config/repository_secrets.ts";

/** Variables that are always withheld, because some systems do not list variables that are not UTF-8. */
const ALWAYS_TAKEN = ["AGENT", "RESTIC"].flatMap((program) =>
  REPOSITORY_PREFIXES.flatMap((prefix) => ["PASSWORD", "REST_PASSWORD"].map((name) => `${program}_${prefix}${name}`))
);

/** The environment that a process started with. */
export interface SystemEnvironment {
  /** Throws `Deno.errors.InvalidData` for what is not UTF-8. */
  get(name: string): string | undefined;
  set(name: string, value: string): void;
  delete(name: string): void;
  /** The variables that are UTF-8. */
  toObject(): Readonly<Record<string, string>>;
  /** All variables as bytes, `NAME=value`, each followed by a NUL; undefined if the system does not report them. */
  raw(): Uint8Array | undefined;
}

/**
 * The environment for this program. Its secrets are removed from the process's own environment, so that no child
 * process gets them.
 */
export class Environment {
  readonly #system: SystemEnvironment;
  readonly #taken = new Map<string, string | undefined>();
  #passes: boolean;

  /** With `passSecrets`, nothing is removed. */
  constructor(system: SystemEnvironment, { passSecrets }: { readonly passSecrets: boolean }) {
    this.#system = system;
    this.#passes = passSecrets;
    if (!passSecrets) this.#takeSecrets();
  }

  /** The names of the secrets that child processes do not get. */
  get withheld(): string[] {
    return this.#passes ? [] : [...this.#taken.keys()].sort();
  }

  /** Withholds one more variable from child processes, unless all are passed. */
  withhold(name: string): void {
    if (!this.#passes) this.#take(name);
  }

  /** Gives all variables back to child processes, except those that are not UTF-8, which cannot be set. */
  pass(): void {
    this.#passes = true;
    for (const [name, value] of this.#taken) if (value !== undefined) this.#system.set(name, value);
  }

  /** The variables that child processes get. */
  get forChildren(): Readonly<Record<string, string>> {
    return this.#system.toObject();
  }

  /** A variable as text. Throws `UsageError` if it is not UTF-8. */
  get(name: string): string | undefined {
    const value = this.#read(name);
    if (value !== NOT_UTF8) return value;
    throw new UsageError(`The variable ${name} is not UTF-8: only a password may be other bytes`);
  }

  /** A variable as bytes. Throws `UsageError` if it is not UTF-8 and the system does not report its bytes. */
  bytes(name: string): Uint8Array | undefined {
    const value = this.#read(name);
    if (value === undefined) return undefined;
    if (value !== NOT_UTF8) return new TextEncoder().encode(value);
    const bytes = rawVariables(this.#system.raw()).get(name);
    if (bytes !== undefined) return bytes;
    throw new UsageError(
      `The variable ${name} is not UTF-8, and this system does not tell its bytes: use a file instead`,
    );
  }

  #read(name: string): string | undefined | typeof NOT_UTF8 {
    if (this.#taken.has(name)) return this.#taken.get(name) ?? NOT_UTF8;
    return textOf(this.#system, name);
  }

  #takeSecrets(): void {
    const names = [
      ...Object.keys(this.#system.toObject()),
      ...rawVariables(this.#system.raw()).keys(),
      ...ALWAYS_TAKEN,
    ];
    for (const name of new Set(names)) {
      const value = textOf(this.#system, name);
      if (value !== undefined && isRepositorySecret(name, value === NOT_UTF8 ? undefined : value)) this.#take(name);
    }
  }

  #take(name: string): void {
    const value = textOf(this.#system, name);
    if (value === undefined) return;
    this.#taken.set(name, value === NOT_UTF8 ? undefined : value);
    this.#system.delete(name);
  }
}

const NOT_UTF8 = Symbol("not UTF-8");

function textOf(system: SystemEnvironment, name: string): string | undefined | typeof NOT_UTF8 {
  try {
    return system.get(name);
  } catch (error) {
    if (error instanceof Deno.errors.InvalidData) return NOT_UTF8;
    throw error;
  }
}

/** Values by name. The first of two equal names counts, as in getenv(3). */
function rawVariables(raw: Uint8Array | undefined): ReadonlyMap<string, Uint8Array> {
  const variables = new Map<string, Uint8Array>();
  if (raw === undefined) return variables;
  for (let start = 0; start < raw.length;) {
    const end = raw.indexOf(0, start) < 0 ? raw.length : raw.indexOf(0, start);
    const equals = raw.indexOf(EQUALS, start);
    if (equals > start && equals < end) {
      const name = new TextDecoder().decode(raw.subarray(start, equals));
      if (!variables.has(name)) variables.set(name, raw.slice(equals + 1, end));
    }
    start = end + 1;
  }
  return variables;
}

const EQUALS = 61;
