/**
 * The connection to the file of the catalogue, for writers: opens, migrates, waits for other processes, and replaces a
 * damaged file by an empty one.
 */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { basename } from "node:path/posix";
import { pathToFileURL } from "node:url";
import type { Clock } from "../base/clock.ts";
import { AgentError, BugError, messageOf } from "../base/errors.ts";
import { isDamaged, isLocked, openDatabase, pragma } from "../engine/sqlite/open_database.ts";
import { CATALOGUE_NAME } from "./catalogue_place.ts";
import { identityOf, prepareFile, RefusedFileError, setAside } from "./catalogue_file.ts";
import { migrate } from "./migrations.ts";
import type { CatalogueProblem } from "./problem.ts";
import { APPLICATION_ID, SCHEMA_VERSION } from "./schema.ts";

/** How long other processes may keep this one from writing before it gives up. */
const LOCKED_FOR_MS = 5_000;
/** The first pause between two attempts; each is twice as long as the one before, up to the longest. */
const SHORTEST_PAUSE_MS = 2;
const LONGEST_PAUSE_MS = 50;

/** The most memory for pages of the file: enough for the chains of a thousand backups, each on the one before. */
const MOST_CACHED_KIB = 32 * 1024;

/** How often the file is looked for while other processes replace it. */
const MOST_ATTEMPTS = 5;

/** How it is opened. */
interface ConnectionOptions {
  readonly path: string;
  readonly clock: Clock;
  readonly onProblem: (problem: CatalogueProblem) => void;
  readonly uid: number | null;
}

/** What prepares statements. It keeps each of them: they cannot be given back, and slow SQLite down if they pile up. */
export interface Statements {
  prepare(sql: string): StatementSync;
}

/** One change, within a transaction. */
export interface WriteStep {
  readonly database: Statements;
  /** The number of this change. */
  readonly sequence: number;
  /** Which file the number is of. */
  readonly incarnation: string;
  readonly now: Date;
}

/** Why a file cannot be used as it is. */
class UnusableError extends AgentError {
  readonly kind: CatalogueProblem["kind"];

  constructor(kind: CatalogueProblem["kind"], message: string) {
    super(message);
    this.kind = kind;
  }
}

/** The file, with a connection to it while it is open. */
export class CatalogueFile {
  readonly #options: ConnectionOptions;
  #open: KeptStatements | undefined;
  /** Which file the connection is to. */
  #identity: string | undefined;

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  /** Opens the file. False, after the problem was told, if it cannot be used. */
  async open(): Promise<boolean> {
    try {
      await this.#openWhole();
      return true;
    } catch (error) {
      if (error instanceof BugError) throw error;
      this.#options.onProblem(this.#problemOf(error));
      return false;
    }
  }

  /** What `look` returns. Throws an `AgentError` if the file cannot be read. */
  read<T>(look: (database: Statements) => T): Promise<T> {
    return this.#retrying(() => look(this.#connection()));
  }

  /** Makes a change. All of it is done, or nothing. Throws an `AgentError` if it cannot be made. */
  write(change: (step: WriteStep) => void): Promise<void> {
    return this.#retrying(() =>
      inTransaction(this.#connection().database, "BEGIN IMMEDIATE", () => {
        const database = this.#connection();
        const now = this.#options.clock.now();
        const { sequence, incarnation } = database.prepare(
          "UPDATE catalogue SET sequence = max(sequence + 1, ?) RETURNING sequence, incarnation",
        ).get(now.getTime())!;
        change({ database, sequence: Number(sequence), incarnation: String(incarnation), now });
      })
    );
  }

  close(): void {
    this.#open?.database.close();
    this.#open = undefined;
  }

  #connection(): KeptStatements {
    if (this.#open === undefined) throw new BugError("The catalogue was used after it was closed");
    return this.#open;
  }

  /** Calls SQLite; once more on an empty file if the file proves damaged or was replaced meanwhile. */
  async #retrying<T>(call: () => T): Promise<T> {
    try {
      if (await identityOf(this.#options.path) !== this.#identity) await this.#openWhole();
      try {
        return await this.#whenFree(call);
      } catch (error) {
        if (!isDamaged(error)) throw error;
        await this.#replaceDamaged(error);
        return await this.#whenFree(call);
      }
    } catch (error) {
      if (error instanceof BugError) throw error;
      throw new AgentError(this.#problemOf(error).message, { cause: error });
    }
  }

  async #whenFree<T>(call: () => T): Promise<T> {
    const { clock } = this.#options;
    const beganMs = clock.monotonicMs();
    for (let pauseMs = SHORTEST_PAUSE_MS;; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
      try {
        return call();
      } catch (error) {
        if (!isLocked(error) || clock.monotonicMs() - beganMs > LOCKED_FOR_MS) throw error;
      }
      await clock.sleep(pauseMs);
    }
  }

  async #openWhole(): Promise<void> {
    try {
      await this.#connect();
    } catch (error) {
      if (!isDamaged(error)) throw error;
      await this.#replaceDamaged(error);
    }
  }

  async #replaceDamaged(reason: unknown): Promise<void> {
    const { path, clock, onProblem } = this.#options;
    const identity = this.#identity;
    const isOurs = basename(path) === CATALOGUE_NAME || this.#open !== undefined;
    this.close();
    if (!isOurs) throw notACatalogue(path);
    const kept = identity === undefined ? undefined : await setAside(path, identity, clock.now());
    if (kept !== undefined) {
      onProblem({
        kind: "damaged",
        message: `The catalogue "${path}" was damaged (${messageOf(reason)}), and is kept as "${kept}"; ` +
          'an empty one takes its place: "agent catalogue rebuild" fills it from the repository',
      });
    }
    await this.#connect();
  }

  /** Opens the file and brings its schema up to date; again if another process sets it aside meanwhile. */
  async #connect(): Promise<void> {
    const { path, uid } = this.#options;
    this.close();
    for (let attempt = 1;; attempt++) {
      try {
        await prepareFile(path, uid);
        this.#identity = await identityOf(path);
        this.#open = new KeptStatements(await this.#whenFree(() => openPrepared(path)));
        if (await identityOf(path) === this.#identity) return;
        this.close();
      } catch (error) {
        const hasVanished = error instanceof Deno.errors.NotFound || await identityOf(path) !== this.#identity;
        if (!hasVanished || attempt === MOST_ATTEMPTS) throw error;
      }
    }
  }

  #problemOf(error: unknown): CatalogueProblem {
    const { path } = this.#options;
    if (error instanceof RefusedFileError) return { kind: "refused", message: error.message };
    if (error instanceof UnusableError) return { kind: error.kind, message: error.message };
    const advice = "set AGENT_CATALOGUE to a file elsewhere, or to off";
    return { kind: "unwritable", message: `Cannot write the catalogue "${path}": ${messageOf(error)}; ${advice}` };
  }
}

/** A connection with the statements that it has prepared. */
class KeptStatements implements Statements {
  readonly database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  constructor(database: DatabaseSync) {
    this.database = database;
  }

  prepare(sql: string): StatementSync {
    const statement = this.#statements.get(sql) ?? this.database.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }
}

/** Throws `UnusableError` for a file that is not to be touched, and what SQLite throws. */
function openPrepared(path: string): DatabaseSync {
  // SQLite would make a missing file, which others could read.
  const database = openDatabase(`${pathToFileURL(path).href}?mode=rw`, { enableForeignKeyConstraints: true });
  try {
    // The database can be made again: a commit does not wait for the disk.
    // What a change touches stays in memory until its end, or it would be written and read several times.
    database.exec(`PRAGMA synchronous=NORMAL; PRAGMA cache_size=-${MOST_CACHED_KIB}`);
    prepare(database, path);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

function prepare(database: DatabaseSync, path: string): void {
  // One transaction, or what another process makes between two look-ups would look like the work of another program.
  const version = inTransaction(database, "BEGIN", () => usableVersion(database, path));
  if (version === SCHEMA_VERSION) return;
  // Readers do not wait for writers then, nor writers for them. Where that is impossible, they do.
  database.exec("PRAGMA journal_mode=WAL");
  // Another process may have been faster.
  inTransaction(database, "BEGIN IMMEDIATE", () => migrate(database, usableVersion(database, path)));
}

/** The version of the schema; 0 for an empty file. */
function usableVersion(database: DatabaseSync, path: string): number {
  const [id, version] = ["application_id", "user_version"].map((name) => Number(pragma(database, name)));
  const isEmpty = database.prepare("SELECT 1 FROM sqlite_schema LIMIT 1").get() === undefined;
  if (isEmpty && version === 0) return 0;
  if (id !== APPLICATION_ID) throw notACatalogue(path);
  if (version! > SCHEMA_VERSION) throw newerCatalogue(path);
  return version!;
}

function notACatalogue(path: string): UnusableError {
  return new UnusableError(
    "foreign",
    `"${path}" is not a catalogue of agent, and was left alone; set AGENT_CATALOGUE to another file`,
  );
}

function newerCatalogue(path: string): UnusableError {
  return new UnusableError(
    "newer",
    `The catalogue "${path}" was made by a newer version of agent, and was left alone; update agent to use it`,
  );
}

/** What `work` returns. "BEGIN" is enough for what only reads. */
function inTransaction<T>(database: DatabaseSync, begin: "BEGIN" | "BEGIN IMMEDIATE", work: () => T): T {
  database.exec(begin);
  try {
    const result = work();
    database.exec("COMMIT");
    return result;
  } catch (error) {
    if (database.isTransaction) database.exec("ROLLBACK");
    throw error;
  }
}
