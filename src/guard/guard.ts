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

/** The user's choice: detect the format, do not judge at all, or require one format. */
export type GuardChoice = "auto" | "none" | GuardFormat;

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

/** The user's choice of a guard. Throws a `UsageError` that lists all choices if `text` is not one of them. */
export function parseGuardChoice(text: string): GuardChoice {
  const choices: readonly GuardChoice[] = ["auto", "none", ...GUARD_FORMATS];
  const choice = choices.find((name) => name === text);
  if (choice === undefined) {
    throw new UsageError(`No such guard: "${text.slice(0, 40)}"; choose one of ${choices.join(", ")}`);
  }
  return choice;
}
