/** A guard tells from a stream's bytes what the stream is and, at its end, whether it is whole. */
import { UsageError } from "../base/errors.ts";

/** Every format that a guard can recognise, in the order in which messages list them. */
export const GUARD_FORMATS = [
  "mysqldump",
  "mariadb-dump",
  "pg_dump",
  "pg_dumpall",
  "pg_dump-custom",
  "sqlite",
  "pg_copy",
  "sqlite-file",
  "redis-rdb",
  "etcd",
  "mongodump",
  "tar",
  "xbstream",
  "gzip",
  "zstd",
  "xz",
  "bzip2",
  "lz4",
] as const;

/** The name of one format. */
export type GuardFormat = (typeof GUARD_FORMATS)[number];

/** A choice among the guards of this program: detect the format, do not judge at all, or require one format. */
export type BuiltInGuardChoice = "auto" | "none" | GuardFormat;

/** The user's choice: a guard of this program, or one that it did not come with. */
export type GuardChoice = BuiltInGuardChoice | CustomGuard;

/** A guard that this program did not come with: that of a plugin, or of a program that uses the library. */
export interface CustomGuard {
  /** What it is called. Backups record it as the format of the stream. */
  readonly name: string;
  /** A judge for one stream. */
  create(): CustomJudge;
}

/**
 * Judges one stream of a custom guard, in the thread of the program. Whatever it throws, and a verdict of another form,
 * counts against the stream.
 */
export interface CustomJudge {
  /**
   * Takes the next bytes. They may be a view of shared memory and are not kept: they may change as soon as the call
   * returns, or its promise resolves if it returns one. Nothing is pushed before that.
   */
  push(bytes: Uint8Array): void | Promise<void>;
  /** The verdict over everything pushed. Nothing is pushed afterwards. */
  finish(): CustomVerdict | Promise<CustomVerdict>;
  /** Releases the resources of a stream, which may have been given up. Called once, at the end in any case. */
  dispose?(): void;
}

/** What a custom guard says at the end of a stream. */
export interface CustomVerdict {
  /** Whether the stream is whole. */
  readonly complete: boolean;
  /** One line for people. */
  readonly reason: string;
  /** What people should know about an accepted stream, one line each. */
  readonly notes?: readonly string[];
}

/** The result of a guard at the end of a stream. */
export interface Verdict {
  /**
   * A `GuardFormat`, several joined by `+` from the outside in (`gzip+mysqldump`), or `none` if nothing was recognised.
   */
  readonly format: string;
  /** Whether the stream is whole; `null` if the format is `none` and there is nothing to judge by. */
  readonly complete: boolean | null;
  /** One line for people. Quotes at most a few characters of the stream, escaped. */
  readonly reason: string;
  /** What people should know about an accepted stream, one line each, without the name of the stream. Usually empty. */
  readonly notes: readonly string[];
}

/**
 * Reads one stream as it passes, and judges it. The verdict depends only on the bytes, never on how they were cut, and
 * memory stays bounded. A guard does no I/O and never throws because of a stream's content.
 */
export interface Guard {
  /**
   * Takes the next bytes. They may be a view of shared memory and are not kept: they may change as soon as the call
   * returns, or its promise resolves if it returns one. Nothing may be pushed before that promise resolves.
   */
  push(bytes: Uint8Array): void | Promise<void>;
  /** The verdict over everything pushed. Ends the guard: nothing may be pushed afterwards. */
  finish(): Promise<Verdict>;
  /** Releases the resources of a stream that is given up. May be called again, and after `finish`. */
  dispose(): void;
}

/** The names of the guards of this program, and of those that leave the choice to it. */
export const BUILT_IN_GUARDS: readonly BuiltInGuardChoice[] = ["auto", "none", ...GUARD_FORMATS];

/**
 * The user's choice of a guard of this program or among the `custom` ones. Throws a `UsageError` that lists all choices
 * if `text` is not one of them.
 */
export function parseGuardChoice(text: string, custom: readonly CustomGuard[] = []): GuardChoice {
  const choice = BUILT_IN_GUARDS.find((name) => name === text) ?? custom.find(({ name }) => name === text);
  if (choice === undefined) {
    const choices = [...BUILT_IN_GUARDS, ...custom.map(({ name }) => name)];
    throw new UsageError(`No such guard: "${text.slice(0, 40)}"; choose one of ${choices.join(", ")}`);
  }
  return choice;
}

/** Throws `UsageError` unless a custom guard may have this name: verdicts join names by `+` and `,`. */
export function requireGuardName(name: unknown): void {
  const isTaken = BUILT_IN_GUARDS.some((known) => known === name);
  if (typeof name === "string" && /^[a-z][a-z0-9_-]*$/.test(name) && !isTaken) return;
  const why = isTaken ? "it is a guard of this program" : "write lower-case letters, digits, - and _";
  throw new UsageError(`Not a name for a guard: ${JSON.stringify(name)}; ${why}`);
}
