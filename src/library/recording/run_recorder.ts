/**
 * Takes note of what one run learns of repositories and does: a command, or a call of the library. It only keeps that in
 * memory; nothing is opened or loaded for it. At the end, the notes go into the catalogue (`catalogue_feed.ts`).
 */
import type { Clock } from "../../base/clock.ts";
import type { SnapshotId } from "../../base/id.ts";
import { uuid4 } from "../../base/uuid.ts";
import type { Manifest } from "../../format/manifest/manifest.ts";
import type { StreamPieces } from "../../format/table_list.ts";
import type {
  ObservedCheck,
  ObservedListing,
  ObservedRepository,
  ObservedRestore,
  ObserveRepository,
  RecoveredBackup,
  RepositoryObserver,
} from "../../repository/observer.ts";
import type { StoredSnapshot } from "../../repository/snapshots.ts";

/** What a run learned of one repository. */
export interface RepositoryNotes {
  readonly repository: ObservedRepository;
  /** The last listing of all snapshots, and when it began; null if they were not listed. */
  readonly listing: { readonly began: Date; readonly found: ObservedListing } | null;
  /** Snapshots that the run stored, in order. */
  readonly saved: readonly StoredSnapshot[];
  /** Snapshots that the run removed. */
  readonly removed: readonly SnapshotId[];
  /** Manifests that it read or wrote, by snapshot. */
  readonly manifests: ReadonlyMap<SnapshotId, Manifest>;
  /** What was completed of rewritten snapshots. */
  readonly recovered: ReadonlyMap<SnapshotId, RecoveredBackup>;
  /** Lists of tables that it read or wrote, by snapshot. */
  readonly tables: ReadonlyMap<SnapshotId, () => readonly StreamPieces[]>;
  readonly checks: readonly (ObservedCheck & { readonly at: Date })[];
  readonly restores: readonly (ObservedRestore & { readonly at: Date })[];
}

/** What a run is called. */
interface NamedRun {
  /** The words of the command. */
  readonly command: string;
  /** Its series; null if there are several, or none is known yet. */
  readonly series?: string | null;
}

/** How a run ended. */
interface RunEnd {
  readonly exitCode: number;
  /** Why it failed; null if it did not. */
  readonly error: string | null;
}

/** A run that ended. */
export interface RecordedRun extends RunEnd {
  readonly command: string;
  readonly series: string | null;
  /** The first repository that it opened; null if it opened none. */
  readonly repository: ObservedRepository | null;
  readonly started: Date;
  readonly finished: Date;
}

/** All notes of a run. */
export interface RunNotes {
  /** The session of its events, a UUID 4. */
  readonly session: string;
  readonly repositories: readonly RepositoryNotes[];
  /** Null for a run that only looked. */
  readonly run: RecordedRun | null;
}

/**
 * How many files the manifests may have together that are kept although the run did not write them: a check reads all
 * manifests. A refresh of the catalogue reads those that are left out.
 */
const MOST_FILES_KEPT = 50_000;

/** What a recorder works with. */
interface RecorderTools {
  readonly clock: Clock;
  readonly randomBytes: (count: number) => Uint8Array;
}

/** The notes of one run, while it goes on. */
export class RunRecorder {
  readonly #tools: RecorderTools;
  readonly #started: Date;
  readonly #repositories = new Map<string, NotesUnderWay>();
  #named: NamedRun | undefined;
  #session: { readonly id: string; readonly series: string | null } | undefined;

  constructor(tools: RecorderTools) {
    this.#tools = tools;
    this.#started = tools.clock.now();
  }

  /** Begins to take note of a repository. */
  readonly observe: ObserveRepository = (repository) => {
    let notes = this.#repositories.get(repository.id);
    if (notes === undefined) this.#repositories.set(repository.id, notes = new NotesUnderWay(repository, this.#tools));
    return notes;
  };

  /** Says what the run is. One that nobody names only looks, and is not listed among the runs. */
  name(run: NamedRun): void {
    this.#named = run;
  }

  /** Says under which session those who hear of events know it. */
  tellSession(id: string, series: string | null): void {
    this.#session = { id, series };
  }

  /** All notes, at the end. */
  finish(end: RunEnd): RunNotes {
    const repositories = [...this.#repositories.values()];
    const run = this.#named && {
      ...end,
      command: this.#named.command,
      series: this.#named.series ?? this.#session?.series ?? onlySeries(repositories),
      repository: repositories[0]?.repository ?? null,
      started: this.#started,
      finished: this.#tools.clock.now(),
    };
    return { session: this.#session?.id ?? uuid4(this.#tools.randomBytes), repositories, run: run ?? null };
  }
}

/** The notes of one repository, while they are taken. */
class NotesUnderWay implements RepositoryNotes, RepositoryObserver {
  readonly repository: ObservedRepository;
  listing: RepositoryNotes["listing"] = null;
  readonly saved: StoredSnapshot[] = [];
  readonly removed: SnapshotId[] = [];
  readonly manifests = new Map<SnapshotId, Manifest>();
  readonly recovered = new Map<SnapshotId, RecoveredBackup>();
  readonly tables = new Map<SnapshotId, () => readonly StreamPieces[]>();
  readonly checks: (ObservedCheck & { readonly at: Date })[] = [];
  readonly restores: (ObservedRestore & { readonly at: Date })[] = [];
  readonly #clock: Clock;
  readonly #madeHere = new Set<SnapshotId>();
  #filesKept = 0;

  constructor(repository: ObservedRepository, { clock }: RecorderTools) {
    this.repository = repository;
    this.#clock = clock;
  }

  beginListing(): (found: ObservedListing) => void {
    const began = this.#clock.now();
    return (found) => {
      // What was read before is not read again.
      const unread = new Set(found.unreadable);
      const earlier = this.listing?.found.snapshots.filter(({ id }) => unread.has(id)) ?? [];
      this.listing = { began, found: { ...found, snapshots: [...earlier, ...found.snapshots] } };
    };
  }

  addSaved(stored: StoredSnapshot): void {
    this.#madeHere.add(stored.id);
    this.saved.push(stored);
  }

  addRemoved(id: SnapshotId): void {
    this.removed.push(id);
  }

  addManifest(id: SnapshotId, manifest: Manifest): void {
    if (this.manifests.has(id)) return;
    if (!this.#madeHere.has(id)) {
      const files = 1 + manifest.files.length;
      if (this.#filesKept + files > MOST_FILES_KEPT) return;
      this.#filesKept += files;
    }
    this.manifests.set(id, manifest);
  }

  addRecovered(backup: RecoveredBackup): void {
    this.recovered.set(backup.snapshotId, backup);
  }

  addTables(id: SnapshotId, pieces: () => readonly StreamPieces[]): void {
    this.tables.set(id, pieces);
  }

  addCheck(check: ObservedCheck): void {
    this.checks.push({ ...check, at: this.#clock.now() });
  }

  addRestore(restore: ObservedRestore): void {
    this.restores.push({ ...restore, at: this.#clock.now() });
  }
}

/** The series of all backups that a run made or read; null if there are several, or none. */
function onlySeries(repositories: readonly RepositoryNotes[]): string | null {
  const series = new Set(
    repositories.flatMap(({ saved, restores }) => [
      ...saved.map(({ snapshot }) => snapshot.agent?.series ?? null),
      ...restores.map(({ series }) => series),
    ]),
  );
  return series.size === 1 ? [...series][0]! : null;
}
