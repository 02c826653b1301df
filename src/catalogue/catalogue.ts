/**
 * The catalogue: a local SQLite database of what this machine knows of repositories. It is derived from them and can
 * always be made again. Loading this module loads SQLite, so that commands load it only once their work is done.
 *
 * Several processes write at once, each with its own view of a repository, which may be old. Every change takes a number
 * that rises, and is at least the time in milliseconds. A listing notes the number at which it began: what was written
 * with a greater one is newer than what the listing saw, and stays as it is. A command does not open the catalogue
 * before its work is done, so it notes the time instead.
 */
import type { Clock } from "../base/clock.ts";
import type { SnapshotId } from "../base/id.ts";
import { ownUid } from "../store/cache/ownership.ts";
import { textOf } from "./backup_rows.ts";
import {
  applyListing,
  markRemoved,
  missingDetails,
  repositoryRow,
  type RepositoryStep,
  writeBackups,
} from "./backup_writes.ts";
import { CatalogueFile } from "./connection.ts";
import type { CatalogueProblem } from "./problem.ts";
import type {
  BackupChanges,
  CataloguedRepository,
  CheckRecord,
  Listing,
  ListingToken,
  RunRecord,
  VerifiedRestoreRecord,
} from "./records.ts";

/** How a catalogue is opened. */
export interface CatalogueOptions {
  /** Its file (`cataloguePath`). It is made if it is missing. */
  readonly path: string;
  readonly clock: Clock;
  /** Hears why there is no catalogue, and of what happened to one that was there. Whoever calls decides what is told. */
  readonly onProblem: (problem: CatalogueProblem) => void;
  /** Whose file it must be; by default that of the user who runs the program. Tests pass another. */
  readonly uid?: number | null;
}

/** More runs than this are forgotten, the oldest first. */
const MOST_RUNS = 100_000;

/**
 * Opens the catalogue and makes it if there is none. Null, after a call of `onProblem`, if there can be none. Throws
 * nothing but bugs.
 */
export async function openCatalogue(options: CatalogueOptions): Promise<Catalogue | null> {
  const file = new CatalogueFile({ ...options, uid: options.uid === undefined ? ownUid() : options.uid });
  return await file.open() ? new Catalogue(file) : null;
}

/**
 * An open catalogue. Each method that writes does so in one transaction and throws an `AgentError` if it cannot; the
 * work that it tells about is done by then, so that callers turn it into a warning.
 */
export class Catalogue implements Disposable {
  readonly #file: CatalogueFile;

  /** For `openCatalogue`. */
  constructor(file: CatalogueFile) {
    this.#file = file;
  }

  /** To be called before the snapshots of a repository are listed. */
  async beginListing(repository: CataloguedRepository): Promise<ListingToken> {
    const { incarnation, sequence } = await this.#file.read((database) =>
      database.prepare("SELECT incarnation, sequence FROM catalogue").get()!
    );
    return { repository, incarnation: String(incarnation), sequence: Number(sequence) };
  }

  /** The token of a listing that began at a time when the catalogue was not open. */
  listingSince(repository: CataloguedRepository, began: Date): ListingToken {
    return { repository, incarnation: null, sequence: began.getTime() - 1 };
  }

  /** Makes the catalogue equal to a complete list of snapshots, except for what was written since it was begun. */
  async applyListing(token: ListingToken, listing: Listing): Promise<void> {
    await this.#write(token.repository, (step) => {
      const isOfThisFile = token.incarnation === null || token.incarnation === step.incarnation;
      const since = isOfThisFile ? token.sequence : 0;
      applyListing(step, listing, since);
    });
  }

  /** Writes down which backups were made or read, and which were removed. */
  async changeBackups(repository: CataloguedRepository, { added = [], removed = [] }: BackupChanges): Promise<void> {
    if (added.length === 0 && removed.length === 0) return;
    await this.#write(repository, (step) => {
      // What replaces a snapshot takes its details over before it goes.
      writeBackups(step, added);
      markRemoved(step, removed);
    });
  }

  /** The snapshots whose files have to be read, so that their details are known: oldest first. */
  async missingDetails(repository: CataloguedRepository): Promise<SnapshotId[]> {
    return await this.#file.read((database) => missingDetails(database, repository.id));
  }

  /** Writes down what a command did. */
  async addRun(record: RunRecord): Promise<void> {
    const { session, command, repository, series, startedMs, finishedMs, exitCode, error } = record;
    await this.#file.write(({ database, now }) => {
      database.prepare(
        "INSERT INTO runs (session, command, repository, series, started, finished, exit_code, error) " +
          "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
      ).run(
        session,
        textOf(command),
        repository === null ? null : repositoryRow(database, repository, now),
        series === null ? null : textOf(series),
        timeOf(startedMs),
        timeOf(finishedMs),
        exitCode,
        error === null ? null : textOf(error),
      );
      database.prepare("DELETE FROM runs WHERE run <= (SELECT max(run) FROM runs) - ?").run(MOST_RUNS);
    });
  }

  /** Writes down what a check found. */
  async addCheck({ session, repository, readData, findings, finishedMs }: CheckRecord): Promise<void> {
    await this.#write(repository, ({ database, repository }) => {
      database.prepare(
        "INSERT INTO checks (session, repository, read_data, findings, finished) VALUES (?, ?, ?, ?, ?)",
      ).run(session, repository, readData, findings, timeOf(finishedMs));
    });
  }

  /** Writes down that a backup was read and is what was written. */
  async addVerifiedRestore(record: VerifiedRestoreRecord): Promise<void> {
    const { session, repository, backup, command, isWhole, bytes, finishedMs } = record;
    await this.#write(repository, ({ database, repository }) => {
      database.prepare(
        "INSERT INTO verified_restores " +
          "(session, repository, backup_id, snapshot_id, series, command, is_whole, bytes, finished) " +
          "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
      ).run(
        session,
        repository,
        backup.id,
        backup.snapshotId,
        textOf(backup.series),
        textOf(command),
        Number(isWhole),
        bytes,
        timeOf(finishedMs),
      );
    });
  }

  /** Closes the file. */
  [Symbol.dispose](): void {
    this.#file.close();
  }

  /** A change to a repository. */
  #write(repository: CataloguedRepository, change: (step: RepositoryStep) => void): Promise<void> {
    return this.#file.write((step) =>
      change({ ...step, repository: repositoryRow(step.database, repository, step.now) })
    );
  }
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString();
}
