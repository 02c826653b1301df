/**
 * Copy: brings backups of another repository into this one. Blobs are read once, verified and sealed with the other
 * keys; manifests stay as they are, and with them ids, levels and chains.
 *
 * A snapshot is written only when everything that it needs is durable and indexed. So a copy may be interrupted at any
 * moment, and the next one goes on from the packs that were indexed.
 */
import {
  type AgentError,
  DeniedError,
  IntegrityError,
  StoreError,
  TemporaryError,
  UsageError,
} from "../base/errors.ts";
import type { SnapshotId } from "../base/id.ts";
import { type Backup, backupOf } from "../backup/backup.ts";
import { packBytesFor, pruneReads } from "../backup/buffers.ts";
import { KnownCopies, snapshotOfCopy } from "../maintain/copy/known_copies.ts";
import { LENIENT, loadBackups } from "../backup/load_backups.ts";
import { indexPassingOver, passingOver, wholeIndexOnDemand } from "../backup/whole_index.ts";
import { GroupedCommits } from "../maintain/copy/grouped_commits.ts";
import { selectForCopy } from "../maintain/copy/copy_selection.ts";
import {
  type CopiedBytes,
  type CopyTarget,
  CountingTarget,
  PackTarget,
  TargetFailure,
} from "../maintain/copy/copy_target.ts";
import { TreeCopier } from "../maintain/copy/copy_tree.ts";
import type { ResealedForm } from "../pipeline/resealing.ts";
import { startThreads } from "../pipeline/threads.ts";
import { ExistenceIndex } from "../repository/index/blob_index.ts";
import type { HeldLock } from "../repository/lock/held_lock.ts";
import { PackWriter } from "../repository/pack/pack_writer.ts";
import type { IndexedRepository, LockedRepository, Repository } from "../repository/repository.ts";
import type { DamagedSnapshot } from "../repository/snapshots.ts";
import { failureOfFile } from "../repository/unreadable.ts";
import { openAccess, type RepositoryAccess, useCase, type UseCaseOptions } from "./access.ts";

/** What to copy. */
export interface CopyRequest {
  /** The repository that has the backups. */
  readonly from: RepositoryAccess;
  /**
   * `SERIES` (all its backups, and those of the series below it), `SERIES@SELECTOR` or `@ID`; all backups if there are
   * none.
   */
  readonly names: readonly string[];
  /** Only report what would be copied. */
  readonly dryRun: boolean;
  /** Read the other repository without a lock, for read-only stores. */
  readonly fromNoLock: boolean;
  /** The size from which a new pack is full, in bytes; see `PackWriter`. */
  readonly packBytes?: number;
}

/** How far a copy is. */
export interface CopyProgress {
  /** The number of backups that are done with. */
  readonly done: number;
  /** The number of all backups to be copied. */
  readonly total: number;
  /** Bytes read from packs so far. */
  readonly bytesRead: number;
}

/** Options of `copy`. */
export interface CopyOptions extends UseCaseOptions {
  /** Called as the copy proceeds. */
  readonly onProgress?: (progress: CopyProgress) => void;
}

/** A backup that was copied. */
export interface CopiedBackup {
  /** As it is in the other repository. */
  readonly backup: Backup;
  /** The snapshot of the copy; null in a dry run. */
  readonly snapshotId: SnapshotId | null;
}

/** A backup that could not be copied. */
export interface UncopiedBackup {
  /** As it is in the other repository; null if not even its snapshot could be read. */
  readonly backup: Backup | null;
  /** Its snapshot in the other repository. */
  readonly snapshotId: SnapshotId;
  /** What is damaged or missing there. */
  readonly problem: AgentError;
}

/** The result of a copy. */
export interface CopyResult {
  /** What was copied, oldest first. */
  readonly copied: readonly CopiedBackup[];
  /** How many of the selected backups were there already. */
  readonly present: number;
  /** What could not be copied. */
  readonly failed: readonly UncopiedBackup[];
  /** Bytes read from packs of the other repository. */
  readonly bytesRead: number;
  /** Plaintext bytes of the blobs that this repository lacked. */
  readonly bytesAdded: number;
  /** Bytes of the packs and index files that were written; 0 in a dry run. */
  readonly bytesStored: number;
}

/**
 * Copies backups, oldest first, under shared locks on both repositories. A backup of which something is damaged or
 * missing is not copied; the result names it. Throws `UsageError` if both are the same repository, what the selection
 * throws, `LockedError`, and what the stores throw. This repository is whole whenever a copy stops.
 */
export function copy(access: RepositoryAccess, request: CopyRequest, options: CopyOptions): Promise<CopyResult> {
  return useCase(options, async (signal) => {
    await using other = await openAccess(access, options);
    await using source = await openAccess(request.from, options);
    refuseSame(source, other);
    await using lock = await other.lock({ exclusive: false, signal });
    await using sourceLock = request.fromNoLock
      ? undefined
      : await source.lock({ exclusive: false, canDoWithout: "--from-no-lock", signal });
    const locked = await sourceLock?.confirmed ?? null;
    const both = { source: locked ?? source, sourceLock: locked?.lock ?? null, other: await lock.confirmed };
    return await new Copy(both, { ...request, ...options, signal }).run();
  });
}

function refuseSame(source: Repository, other: Repository): void {
  if (source.config.id !== other.config.id) return;
  throw new UsageError(
    `Refusing to copy ${source.store.location} into ${other.store.location}: both have the same id, so they are one ` +
      'repository or a copy of its files; make another one with "agent init"',
  );
}

/** Both repositories, under their locks. */
interface Repositories {
  readonly source: Repository;
  /** Null if the source is read without one. */
  readonly sourceLock: HeldLock | null;
  readonly other: LockedRepository;
}

interface CopyRun extends CopyRequest, CopyOptions {
  readonly signal: AbortSignal;
}

/** What is copied, and what is known to be there. */
interface CopyPlan {
  readonly source: IndexedRepository;
  readonly index: ExistenceIndex;
  /** To be copied, oldest first. */
  readonly backups: readonly Backup[];
  readonly present: number;
  readonly damaged: readonly DamagedSnapshot[];
}

/** One copy. */
class Copy {
  readonly #source: Repository;
  readonly #sourceLock: HeldLock | null;
  readonly #other: LockedRepository;
  readonly #run: CopyRun;
  readonly #copied: CopiedBackup[] = [];
  readonly #failed: UncopiedBackup[] = [];
  #done = 0;
  #known = new KnownCopies([]);
  /** All backups of the source, by their snapshots. */
  #bySnapshot: ReadonlyMap<SnapshotId, Backup> = new Map();

  constructor({ source, sourceLock, other }: Repositories, run: CopyRun) {
    this.#source = source;
    this.#sourceLock = sourceLock;
    this.#other = other;
    this.#run = run;
  }

  async run(): Promise<CopyResult> {
    const plan = await this.#plan();
    for (const { id, error } of plan.damaged) this.#failed.push({ backup: null, snapshotId: id, problem: error });
    const { bytes, bytesStored } = this.#run.dryRun || plan.backups.length === 0
      ? await this.#count(plan)
      : await this.#write(plan);
    return {
      copied: this.#copied,
      present: plan.present,
      failed: this.#failed,
      bytesRead: bytes.read,
      bytesAdded: bytes.added,
      bytesStored,
    };
  }

  async #plan(): Promise<CopyPlan> {
    const { names, signal, world } = this.#run;
    const passing = passingOver(world, signal);
    const asked = { ...LENIENT, signal } as const;
    const { all: there } = await loadBackups(this.#other.files, { ...asked, rewritten: "unread" });
    const openIndex = wholeIndexOnDemand(this.#source, passing);
    const loaded = await loadBackups(this.#source.files, { ...asked, rewritten: openIndex });
    const { backups: selected, damaged } = selectForCopy(loaded, names);
    this.#known = new KnownCopies(there);
    this.#bySnapshot = new Map(loaded.backups.map((backup) => [backup.snapshotId, backup]));
    const backups = selected.filter((backup) => this.#known.find(backup) === undefined);
    const index = await indexPassingOver(() => new ExistenceIndex(), this.#other, passing);
    const present = selected.length - backups.length;
    return { source: await openIndex(), index, backups, present, damaged };
  }

  /** Finds out what a copy would bring. */
  async #count(plan: CopyPlan): Promise<{ readonly bytes: CopiedBytes; readonly bytesStored: number }> {
    const target = new CountingTarget(plan.index);
    await this.#forEach(plan, target, (backup) => {
      this.#copied.push({ backup, snapshotId: null });
      return Promise.resolve();
    });
    return { bytes: target.bytes, bytesStored: 0 };
  }

  async #write(plan: CopyPlan): Promise<{ readonly bytes: CopiedBytes; readonly bytesStored: number }> {
    const { world, signal, packBytes = packBytesFor(world, this.#other.store.uploads) } = this.#run;
    using starting = startThreads(world.blobThreads, { digest: false });
    const threads = await starting.configure(this.#source.keys, "auto");
    await threads.resealFor(this.#other.keys, formFor(this.#source, this.#other));
    const { clock, randomBytes } = world;
    const { index, source } = plan;
    const writer = new PackWriter({ repository: this.#other, index, clock, randomBytes, packBytes, signal });
    const onRead = () => this.#tell(plan, target);
    const readsAtOnce = pruneReads(world);
    const target: PackTarget = new PackTarget({ source, index, writer, threads, readsAtOnce, signal, onRead });
    const commits = new GroupedCommits(writer, { packBytes, commit: (backup) => this.#commit(backup) });
    try {
      await this.#forEach(plan, target, (backup) => commits.add(backup));
      await commits.finish();
    } catch (error) {
      // The original failure must be reported, not a failure here. The index only saves the next copy some work.
      await writer.abandon().catch(() => {});
      throw error;
    }
    return { bytes: target.bytes, bytesStored: writer.storedBytes };
  }

  /** Copies the content of each backup; calls `done` for those that are whole. */
  async #forEach(plan: CopyPlan, target: CopyTarget, done: (backup: Backup) => Promise<void>): Promise<void> {
    const { signal } = this.#run;
    const other = { ...this.#other, index: plan.index.named };
    const trees = new TreeCopier({ source: plan.source, other, target, signal });
    for (const backup of plan.backups) {
      signal.throwIfAborted();
      const problem = knownDamage(backup) ?? await this.#problemOf(() => trees.copy(backup.snapshot.tree));
      if (problem === null) await done(backup);
      else this.#failed.push({ backup, snapshotId: backup.snapshotId, problem });
      this.#done++;
      this.#tell(plan, target);
    }
  }

  /** What is damaged or missing at the source; null if nothing is. Rethrows every other failure. */
  async #problemOf(work: () => Promise<void>): Promise<AgentError | null> {
    const { signal } = this.#run;
    try {
      await work();
      return null;
    } catch (error) {
      if (error instanceof TargetFailure) throw error.cause;
      signal.throwIfAborted();
      // Without its lock, packs may have been removed from the source, which is no damage.
      this.#sourceLock?.assertHeld();
      if (error instanceof IntegrityError) return error;
      if (!(error instanceof StoreError) || error instanceof TemporaryError || error instanceof DeniedError) {
        throw error;
      }
      return await failureOfFile(this.#source.store, error, signal);
    }
  }

  /** Writes the snapshot of a backup whose content is durable. */
  async #commit(backup: Backup): Promise<void> {
    const snapshot = snapshotOfCopy(backup, this.#parentOf(backup));
    const snapshotId = await this.#other.files.saveSnapshot(snapshot, { signal: this.#run.signal });
    this.#known.add(backupOf({ id: snapshotId, snapshot }));
    this.#copied.push({ backup, snapshotId });
  }

  /** The copy of the backup's parent; null if there is none. */
  #parentOf({ snapshot: { parent } }: Backup): SnapshotId | null {
    if (parent === null) return null;
    const backup = this.#bySnapshot.get(parent);
    return (backup && this.#known.find(backup)) ?? this.#known.findOriginal(parent) ?? null;
  }

  #tell(plan: CopyPlan, { bytes }: CopyTarget): void {
    this.#run.onProgress?.({ done: this.#done, total: plan.backups.length, bytesRead: bytes.read });
  }
}

/** Blobs may all be whole, and still not be what the manifest lists, because another tool took some out. */
function knownDamage({ damage }: Backup): IntegrityError | null {
  return damage === null ? null : new IntegrityError(damage);
}

/** How blobs of one repository are stored in another one. Format version 1 knows no compression. */
function formFor(source: Repository, other: Repository): ResealedForm {
  if (other.config.version === 1) return "uncompressed";
  return source.config.version === 1 ? "compressed" : "kept";
}
