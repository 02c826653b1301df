/**
 * Brings the notes of runs into the catalogue of this machine. Nothing that goes wrong there changes what became of the
 * run, and the code of SQLite is loaded when the first notes come, which is after the work is done.
 */
import type { Clock } from "../../base/clock.ts";
import { AgentError, messageOf } from "../../base/errors.ts";
import type { SnapshotId } from "../../base/id.ts";
import { backupOf } from "../../backup/backup.ts";
import { mayBeRewritten } from "../../backup/rewritten.ts";
import type { BackupDetails } from "../../catalogue/backup_rows.ts";
import type { Catalogue } from "../../catalogue/catalogue.ts";
import type { CatalogueProblem } from "../../catalogue/problem.ts";
import type { AddedBackup } from "../../catalogue/records.ts";
import type { StoredSnapshot } from "../../repository/snapshots.ts";
import type { RecordedRun, RepositoryNotes, RunNotes } from "./run_recorder.ts";

/** Where the catalogue is, and who hears of what goes wrong with it. */
interface CatalogueFeedOptions {
  readonly path: string;
  readonly clock: Clock;
  readonly onProblem?: ((problem: AgentError) => void) | undefined;
}

/** The way into the catalogue, which is opened when it is first needed and stays open until the disposal. */
export class CatalogueFeed implements AsyncDisposable {
  readonly #options: CatalogueFeedOptions;
  #catalogue: Promise<Catalogue | null> | undefined;
  /** The end of everything that was given so far. */
  #last: Promise<void> = Promise.resolve();

  constructor(options: CatalogueFeedOptions) {
    this.#options = options;
  }

  /** Takes the notes of a run, after those that were given before. Never throws. */
  take(notes: RunNotes): Promise<void> {
    if (notes.run === null && notes.repositories.length === 0) return this.#last;
    return this.#last = this.#last.then(() => this.#write(notes));
  }

  /** Ends it, once everything that was given is written. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#last;
    const catalogue = await this.#catalogue;
    catalogue?.[Symbol.dispose]();
  }

  async #write({ repositories, run, session }: RunNotes): Promise<void> {
    try {
      const catalogue = await (this.#catalogue ??= this.#open());
      if (catalogue === null) return;
      for (const notes of repositories) await writeRepository(catalogue, notes, { session, run });
      if (run !== null) await writeRun(catalogue, run, session);
    } catch (error) {
      const message = `The catalogue of this machine was not updated: ${messageOf(error)}`;
      this.#options.onProblem?.(new AgentError(message, { cause: error }));
    }
  }

  async #open(): Promise<Catalogue | null> {
    const { openCatalogue } = await import("../../catalogue/catalogue.ts");
    return await openCatalogue({ ...this.#options, onProblem: (problem) => this.#tell(problem) });
  }

  /**
   * That a damaged catalogue was set aside is told, since what only it knew is lost. All else may be as somebody wants
   * it, such as a home that cannot be written to, and is told by the commands that read the catalogue.
   */
  #tell({ kind, message }: CatalogueProblem): void {
    if (kind === "damaged") this.#options.onProblem?.(new AgentError(message));
  }
}

/** Which run learned something. */
interface ByRun {
  readonly session: string;
  readonly run: RecordedRun | null;
}

/** The command of a run that only looks. */
const LOOKING = "look";

async function writeRepository(catalogue: Catalogue, notes: RepositoryNotes, { session, run }: ByRun): Promise<void> {
  const { repository, listing, checks, restores } = notes;
  if (listing !== null) {
    const { found: { snapshots, unreadable }, began } = listing;
    await catalogue.applyListing(catalogue.listingSince(repository, began), {
      backups: snapshots.map(backupOf),
      unreadable,
    });
  }
  await catalogue.changeBackups(repository, { added: addedBackups(notes), removed: notes.removed });
  for (const { readData, errors, at } of checks) {
    await catalogue.addCheck({ session, repository, readData, findings: errors, finishedMs: at.getTime() });
  }
  const command = run?.command ?? LOOKING;
  for (const { isWhole, bytes, at, ...backup } of restores) {
    const restore = { session, repository, backup, command, isWhole, bytes, finishedMs: at.getTime() };
    await catalogue.addVerifiedRestore(restore);
  }
}

/** The backups that were made, and those of which more was read than their snapshots. */
function addedBackups(notes: RepositoryNotes): AddedBackup[] {
  const { listing, saved, manifests, recovered } = notes;
  const made = new Set(saved.map(({ id }) => id));
  const read = (listing?.found.snapshots ?? []).filter(({ id }) => !made.has(id));
  return [
    ...saved.map((stored) => addedBackup(stored, notes)),
    ...read.filter(({ id }) => manifests.has(id) || recovered.has(id)).map((stored) => addedBackup(stored, notes)),
  ];
}

function addedBackup(stored: StoredSnapshot, notes: RepositoryNotes): AddedBackup {
  const { id, info, damage } = notes.recovered.get(stored.id) ?? {};
  const known = backupOf(stored);
  // A refresh finds out what became of a rewritten one.
  if (info === undefined && mayBeRewritten(known)) return { backup: known };
  const backup = info === undefined ? known : { ...known, id: id!, info, damage: damage! };
  const details = detailsOf(stored.id, notes);
  return { backup, ...details && { details } };
}

/** What the files of a backup say; undefined unless all of it is known. */
function detailsOf(id: SnapshotId, { manifests, tables }: RepositoryNotes): BackupDetails | undefined {
  const manifest = manifests.get(id);
  const pieces = tables.get(id);
  if (manifest === undefined || manifest.tables !== undefined && pieces === undefined) return undefined;
  return { manifest, tables: pieces?.() ?? [] };
}

async function writeRun(catalogue: Catalogue, run: RecordedRun, session: string): Promise<void> {
  const { started, finished, ...others } = run;
  await catalogue.addRun({ ...others, session, startedMs: started.getTime(), finishedMs: finished.getTime() });
}
