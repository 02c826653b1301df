/**
 * The database that a restore replaces. What programs have open must not be replaced: they would go on with a file
 * that has no name, and a log beside the new one would be taken for its own.
 */
import { statSync } from "node:fs";
import type { DatabaseSync } from "node:sqlite";
import { AgentError, UsageError } from "../../base/errors.ts";
import { isLocked, isNoDatabase, isOfSqlite, openDatabase, retried } from "./open_database.ts";

/** How long another process may still work with it: only a write that is just ending is waited for. */
const IN_USE_FOR_MS = 1000;

/** Whose a file is, and who may use it. */
export interface FileOwner {
  readonly uid: number;
  readonly gid: number;
  /** Permission bits. */
  readonly mode: number;
}

/** A file in the way, locked if it is a database. */
export class OldDatabase implements Disposable {
  /** As it has to be with the new one. */
  readonly owner: FileOwner;
  readonly #path: string;
  readonly #database: DatabaseSync | null;

  private constructor(path: string, owner: FileOwner, database: DatabaseSync | null) {
    this.#path = path;
    this.owner = owner;
    this.#database = database;
  }

  /**
   * Takes what is at a path; null if nothing is. Throws `UsageError` if another process works with it, and the signal's
   * reason.
   */
  static async take(path: string, signal: AbortSignal): Promise<OldDatabase | null> {
    const status = statSync(path, { throwIfNoEntry: false });
    if (status === undefined) return null;
    const owner = { uid: status.uid, gid: status.gid, mode: status.mode & 0o7777 };
    const locking = retried(() => lock(path), signal, IN_USE_FOR_MS);
    return new OldDatabase(path, owner, await locking.catch((error) => refuse(path, error)));
  }

  /** Removes what SQLite keeps beside a database; nobody has it open. */
  removeTraces(): void {
    for (const suffix of ["-wal", "-shm", "-journal"]) {
      try {
        Deno.removeSync(`${this.#path}${suffix}`);
      } catch (error) {
        if (error instanceof Deno.errors.NotFound) continue;
        throw new AgentError(
          `Cannot remove "${this.#path}${suffix}", which belongs to the old database: remove it before any program ` +
            "opens the restored one",
          { cause: error },
        );
      }
    }
  }

  [Symbol.dispose](): void {
    if (this.#database?.isOpen) this.#database.close();
  }
}

/**
 * Locks a database, and puts everything that its log holds into it. Leaving WAL mode works only for the last one who
 * has it open.
 */
function lock(path: string): DatabaseSync {
  const database = openDatabase(path);
  try {
    database.exec("PRAGMA journal_mode=DELETE; BEGIN EXCLUSIVE");
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** Null for a file that is no whole database: nobody can work with it. */
function refuse(path: string, error: unknown): null {
  if (isLocked(error)) {
    throw new UsageError(`"${path}" is in use by another process: stop it first; nothing was changed`, {
      cause: error,
    });
  }
  if (isNoDatabase(error) || isOfSqlite(error)) return null;
  throw error;
}
