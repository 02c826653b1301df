/**
 * Opens SQLite databases, and says what is wrong with them. All waiting happens here, so that it can be interrupted:
 * calls of SQLite itself block this process.
 */
import { readdirSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { DatabaseSync, type DatabaseSyncOptions } from "node:sqlite";
import { pathToFileURL } from "node:url";
import { AgentError, messageOf, SourceError, systemReason } from "../../base/errors.ts";
import { didYouMean } from "../../base/text/nearest_name.ts";

/** What Deno has but does not declare: <https://nodejs.org/api/sqlite.html>. */
declare module "node:sqlite" {
  interface DatabaseSyncOptions {
    /** Whether statements that could damage the file, such as writes to the schema, are refused. True by default. */
    defensive?: boolean;
  }
  interface DatabaseSync {
    /** Asks before each action of a statement; 0 allows it, 1 makes the statement an error. */
    setAuthorizer(decide: ((action: number, ...about: (string | null)[]) => number) | null): void;
    /** What statements of this connection may use at most; absent in older versions of Deno. */
    readonly limits?: {
      /** Bytes of a text, a blob or a row. */
      length: number;
    };
  }
  interface StatementSync {
    /** Whether rows are lists of values, which keeps columns of the same name apart. */
    setReturnArrays(enabled: boolean): void;
  }
}

/** How long another process may hold a lock before it is an error. */
const LOCKED_FOR_MS = 30_000;
const PAUSE_MS = 100;

/** Results of SQLite's functions: <https://sqlite.org/rescode.html>. */
const CODE = { busy: 5, locked: 6, readOnly: 8, corrupt: 11, full: 13, cannotOpen: 14, notADatabase: 26 };

/** A database that is read, within one transaction. */
interface ReadDatabase extends Disposable {
  /** The connection. It has a snapshot, which ends as it is closed. */
  readonly database: DatabaseSync;
  /** Throws `SourceError` if what was read may be a mixture: SQLite could not lock the file, and it has changed. */
  assertUnchanged(): void;
}

/** Opens a database for reading. Throws `SourceError` if that is not possible, and the signal's reason. */
export async function openForReading(path: string, signal: AbortSignal): Promise<ReadDatabase> {
  assertFile(path);
  try {
    const database = await retried(() => beginReading(path), signal);
    return { database, assertUnchanged: () => {}, [Symbol.dispose]: () => database.close() };
  } catch (error) {
    if (!mayBeImmutable(path, error)) throw databaseProblem(path, error);
    return openUnlocked(path);
  }
}

/** Opens a database. SQLite does not wait for locks: it would block this process. Throws what SQLite throws. */
export function openDatabase(path: string, options: DatabaseSyncOptions = {}): DatabaseSync {
  const database = new DatabaseSync(path, { enableForeignKeyConstraints: false, ...options });
  database.exec("PRAGMA busy_timeout=0"); // Deno's own option has no effect.
  return database;
}

/**
 * Calls SQLite again as long as another process holds a lock, for up to `lockedForMs`. Throws the signal's reason, and
 * what SQLite throws.
 */
export async function retried<T>(call: () => T, signal: AbortSignal, lockedForMs = LOCKED_FOR_MS): Promise<T> {
  for (let waited = 0;; waited += PAUSE_MS) {
    signal.throwIfAborted();
    try {
      return call();
    } catch (error) {
      if (![CODE.busy, CODE.locked].includes(codeOf(error)) || waited >= lockedForMs) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

/** What SQLite's refusal means, as a `SourceError`; any error of ours as it is. */
export function databaseProblem(path: string, error: unknown): unknown {
  if (error instanceof AgentError || !isOfSqlite(error)) return error;
  return new SourceError(`${wordsFor(codeOf(error), path, error)}; nothing was committed`, { cause: error });
}

/** Whether SQLite threw it. */
export function isOfSqlite(error: unknown): error is Error {
  return error instanceof Error && "code" in error && error.code === "ERR_SQLITE_ERROR";
}

/** Whether SQLite says that another process holds a lock. */
export function isLocked(error: unknown): boolean {
  return [CODE.busy, CODE.locked].includes(codeOf(error));
}

/** Whether SQLite says that a file is not a database. */
export function isNoDatabase(error: unknown): boolean {
  return codeOf(error) === CODE.notADatabase;
}

/** Whether SQLite says that a file is damaged, or is not a database at all. */
export function isDamaged(error: unknown): boolean {
  return [CODE.corrupt, CODE.notADatabase].includes(codeOf(error));
}

/** Whether SQLite found no room on the disk. */
export function isFull(error: unknown): boolean {
  return codeOf(error) === CODE.full;
}

/** Integers that JavaScript's numbers cannot hold come as `bigint`. */
export type SqliteValue = null | number | bigint | string | Uint8Array;

/** The value of a pragma. */
export function pragma(database: DatabaseSync, name: string): SqliteValue {
  const row = database.prepare(`PRAGMA ${name}`).get();
  return row === undefined ? null : Object.values(row)[0] ?? null;
}

/** The snapshot begins with the first statement that reads. */
function beginReading(path: string): DatabaseSync {
  const database = openDatabase(path, { readOnly: true });
  try {
    database.exec("BEGIN");
    database.prepare("SELECT count(*) FROM sqlite_schema").get();
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** A database in WAL mode needs files beside it, even for readers. Without them it can be read as a file at rest. */
function mayBeImmutable(path: string, error: unknown): boolean {
  if (![CODE.cannotOpen, CODE.readOnly].includes(codeOf(error))) return false;
  return (statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0) === 0 &&
    statSync(`${path}-journal`, { throwIfNoEntry: false }) === undefined;
}

function openUnlocked(path: string): ReadDatabase {
  const before = stateOf(path);
  let database: DatabaseSync;
  try {
    database = beginReading(`${pathToFileURL(path).href}?immutable=1`);
  } catch (error) {
    throw databaseProblem(path, error);
  }
  const assertUnchanged = () => {
    if (stateOf(path) === before) return;
    throw new SourceError(
      `"${path}" was written to while it was read, and its folder does not let this user lock it; ` +
        "let the user write there, or stop the writer; nothing was committed",
    );
  };
  return { database, assertUnchanged, [Symbol.dispose]: () => database.close() };
}

function stateOf(path: string): string {
  const { ino, size, mtimeNs } = statSync(path, { bigint: true });
  const wal = statSync(`${path}-wal`, { bigint: true, throwIfNoEntry: false });
  return [ino, size, mtimeNs, wal?.size ?? 0n].join();
}

/** SQLite's own words do not tell what is missing. */
function assertFile(path: string): void {
  let status;
  try {
    status = statSync(path, { throwIfNoEntry: false });
  } catch (error) {
    throw new SourceError(`Cannot look at "${path}": ${systemReason(error)}; nothing was committed`, { cause: error });
  }
  if (status === undefined) {
    const nearest = didYouMean(path, filesBeside(path));
    throw new SourceError(`There is no database "${path}"${nearest || "; see the path"}; nothing was committed`);
  }
  if (!status.isFile()) throw new SourceError(`"${path}" is not a file: name a database; nothing was committed`);
  if (status.size === 0 && !statSync(`${path}-wal`, { throwIfNoEntry: false })?.size) {
    throw new SourceError(`"${path}" is empty: no program has written a database there; nothing was committed`);
  }
}

function filesBeside(path: string): string[] {
  try {
    const names = readdirSync(dirname(path)).filter((name) => name !== basename(path));
    return names.filter((name) => !/-(?:wal|shm|journal)$/.test(name)).map((name) => join(dirname(path), name));
  } catch {
    return []; // There is no such folder either.
  }
}

/** The primary code of an error of SQLite; 0 for any other error. */
function codeOf(error: unknown): number {
  if (!isOfSqlite(error)) return 0;
  if ("errcode" in error && typeof error.errcode === "number") return error.errcode & 0xff;
  // Errors of `open` have no number.
  if (/unable to open/.test(error.message)) return CODE.cannotOpen;
  if (/file is not a database/.test(error.message)) return CODE.notADatabase;
  if (/database disk image is malformed/.test(error.message)) return CODE.corrupt;
  return /database is locked/.test(error.message) ? CODE.busy : 0;
}

function wordsFor(code: number, path: string, error: unknown): string {
  const reason = messageOf(error);
  if (code === CODE.busy || code === CODE.locked) {
    return `"${path}" was locked by another process for ${LOCKED_FOR_MS / 1000} seconds; try again when it is done`;
  }
  if (code === CODE.notADatabase) return `"${path}" is not an SQLite database, or is encrypted`;
  if (code === CODE.corrupt) return `"${path}" is damaged: ${reason}; restore an earlier backup of it`;
  if (code === CODE.full) return `There is no room for a copy of "${path}": ${reason}; choose another disk with TMPDIR`;
  if (code === CODE.readOnly || code === CODE.cannotOpen) {
    return `Cannot read "${path}": ${reason}; SQLite has to write beside it to finish or to see what its writer did, so ` +
      "see the rights of the file and its folder";
  }
  return `Cannot read "${path}": ${reason}`;
}
