/** What a guard is: it tells from a stream's bytes what the stream is and, at its end, whether it is whole. */
import { UsageError } from "../base/errors.ts";

/** Every format a guard can recognise, in the order messages list them. */
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

/** What the user asks for: recognise by itself, do not judge at all, or insist on one format. */
export type GuardChoice = "auto" | "none" | GuardFormat;

/** What a guard has to say when the stream has ended. */
export interface Verdict {
  /** A `GuardFormat`, several joined by `+` from the outside in (`gzip+mysqldump`), or `none`: nothing was recognised. */
  readonly format: string;
  /** Whether the stream is whole; `null` where the format is `none` and there is nothing to judge by. */
  readonly complete: boolean | null;
  /** One line for people. Quotes at most a few escaped characters of the stream. */
  readonly reason: string;
  /** What people should know of a stream although it is accepted: a line each, without what the stream is. Mostly none. */
  readonly notes: readonly string[];
}

/**
 * Reads along with one stream and judges it. The verdict depends on the bytes alone, never on how they were cut, and
 * memory stays bounded whatever is pushed. Does no I/O and never throws for what the stream holds.
 */
export interface Guard {
  /**
   * Takes the next bytes. They may be a view of shared memory and are not kept: they may change as soon as the call is
   * done, or its promise where it returns one. A promise also means: push nothing before it resolves.
   */
  push(bytes: Uint8Array): void | Promise<void>;
  /** The verdict over everything pushed. Ends the guard: nothing may be pushed afterwards. */
  finish(): Promise<Verdict>;
  /** Releases what a stream that is given up still holds. Safe to repeat and after `finish`. */
  dispose(): void;
}

/** The guard choice a user wrote; throws `UsageError` with the list of choices where there is no such. */
export function parseGuardChoice(text: string): GuardChoice {
  const choices: readonly GuardChoice[] = ["auto", "none", ...GUARD_FORMATS];
  const choice = choices.find((name) => name === text);
  if (choice === undefined) {
    throw new UsageError(`No such guard: "${text.slice(0, 40)}"; choose one of ${choices.join(", ")}`);
  }
  return choice;
}
