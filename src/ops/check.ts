/**
 * Check: whether a repository holds what was written to it and, if not, which backups are affected.
 *
 * Snapshots are listed before the index is loaded, so that a backup committed during the check does not look damaged.
 * Packs are checked before trees, so that one walk over the trees also finds what the damaged packs affect.
 */
import { IntegrityError, LockedError, StoreError, TooLargeError } from "../base/errors.ts";
import type { ManifestId, SnapshotId } from "../base/id.ts";
import type { Backup } from "../backup/backup.ts";
import { LENIENT, loadBackups } from "../backup/load_backups.ts";
import { withRewritten } from "../backup/rewritten.ts";
import { chooseSubset, type PackSubset } from "../policy/subset.ts";
import {
  type Finding,
  type FindingKind,
  Findings,
  type Repair,
  REPAIRS,
  SuspectPacks,
} from "../maintain/check/findings.ts";
import { type CheckContext, checkIndex, type DescribedPack } from "../maintain/check/check_index.ts";
import { checkPacks } from "../maintain/check/check_packs.ts";
import { checkTrees } from "../maintain/check/check_trees.ts";
import { MOST_KEYS_TRIED } from "../repository/key_search.ts";
import { listKeys, removalOfKey } from "../repository/key_files.ts";
import { listLocks } from "../repository/lock/locks.ts";
import type { Repository } from "../repository/repository.ts";
import { GIVE_UP_SNAPSHOT } from "../repository/snapshots.ts";
import { openAccess, type RepositoryAccess, useCase, type UseCaseOptions, withoutCache, type World } from "./access.ts";
import { checkBackups } from "../maintain/check/check_backups.ts";
import { checkPackData } from "../maintain/check/check_data.ts";
import { checkFiles, FilesToRead } from "../maintain/check/check_files.ts";
import { checkStreams, StreamsToRead } from "../maintain/check/check_streams.ts";

/** The phases of a check, in order. */
export type CheckPhase = "index" | "packs" | "data" | "trees" | "backups" | "streams";

/**
 * The progress of one phase. The phases count, in their order: index files, packs, bytes of packs, trees (`total` is an
 * upper bound), backups, and bytes of streams.
 */
export interface CheckProgress {
  /** The current phase. */
  readonly phase: CheckPhase;
  /** How much of it is done. */
  readonly done: number;
  /** How much there is in all. */
  readonly total: number;
}

/** What to check, and how. */
export interface CheckRequest {
  /** Check without a lock, for read-only stores. */
  readonly noLock: boolean;
  /**
   * Also read packs and verify every blob in them: all packs, or a subset. With all packs, the digests of all streams
   * are compared too.
   */
  readonly readData: boolean | PackSubset;
}

/** Options of `check`. */
export interface CheckOptions extends UseCaseOptions {
  /** Called as the check proceeds. */
  readonly onProgress?: (progress: CheckProgress) => void;
}

/** A backup that a finding affects. */
export interface AffectedBackup {
  /** Its series. */
  readonly series: string;
  /** Its id, as in `Backup.id`. */
  readonly id: ManifestId | SnapshotId;
  /** Its snapshot. */
  readonly snapshotId: SnapshotId;
}

/** One finding of a check. */
export interface CheckFinding {
  /** The kind of damage. */
  readonly kind: FindingKind;
  /** The full id of the object, 64 hex digits; null if it has none. */
  readonly id: string | null;
  /** What is wrong, in one line. */
  readonly text: string;
  /** What to do about it, in one line. */
  readonly advice: string;
  /** The repair to begin with, if one helps. */
  readonly repair?: Repair;
  /** The backups it affects, oldest first, as far as known. */
  readonly backups: readonly AffectedBackup[];
  /** The paths of the first affected files below the root of their snapshot, without a leading slash. */
  readonly paths: readonly string[];
}

/** The result of a check. The repository is sound if there are no errors. */
export interface CheckReport {
  /** How many snapshots could be read. */
  readonly snapshots: number;
  /** Distinct trees that the snapshots reach. */
  readonly trees: number;
  /** Distinct blobs in the index. */
  readonly blobs: number;
  /** Packs in the index. */
  readonly packs: number;
  /** Bytes of all packs that exist. */
  readonly packBytes: number;
  /** How many packs were read. */
  readonly packsRead: number;
  /** Bytes of packs that were read. */
  readonly packBytesRead: number;
  /** How many different streams were read. */
  readonly streamsRead: number;
  /** Bytes of streams that were read. */
  readonly streamBytesRead: number;
  /** How many files of files backups were read, each different content once. */
  readonly filesRead: number;
  /** Bytes of files that were read. */
  readonly fileBytesRead: number;
  /** Packs in no index. */
  readonly unreferencedPacks: number;
  /** What is damaged. */
  readonly errors: readonly CheckFinding[];
  /** Faults that affect no backup. */
  readonly notes: readonly CheckFinding[];
  /** The repairs that help, in the order to run them; none if there are no errors. */
  readonly repairs: readonly Repair[];
}

/**
 * Checks the repository. Damage is in the report and is never thrown. Throws if the repository cannot be opened or
 * locked, if the store fails, or if the signal stops the check.
 */
export function check(
  access: RepositoryAccess,
  { noLock, readData }: CheckRequest,
  options: CheckOptions,
): Promise<CheckReport> {
  return useCase(options, async (signal) => {
    await using repository = await openAccess(withoutCache(access), options);
    await using lock = noLock ? undefined : await repository.lock({ exclusive: false, canDoWithout: true, signal });
    const locked = await lock?.confirmed;
    const report = await new CheckRun(locked ?? repository, { ...options, signal, readData }).perform();
    locked?.lock.assertHeld();
    repository.files.observer?.addCheck({
      errors: report.errors.length,
      readData: typeof readData === "boolean" ? readData ? "all" : "none" : "subset",
    });
    return report;
  });
}

/** What a `CheckRun` needs. */
interface CheckRunOptions extends CheckOptions, Pick<CheckRequest, "readData"> {
  readonly signal: AbortSignal;
}

/** One check of an open, locked repository. */
class CheckRun {
  readonly #repository: Repository;
  readonly #world: World;
  readonly #options: CheckRunOptions;
  readonly #findings = new Findings();
  readonly #suspects = new SuspectPacks();

  constructor(repository: Repository, options: CheckRunOptions) {
    this.#repository = repository;
    this.#world = options.world;
    this.#options = options;
  }

  async perform(): Promise<CheckReport> {
    await this.#checkLocks();
    await this.#checkKeys();
    const all = await this.#loadBackups();
    const checked = await checkIndex(this.#context("index"));
    const { index, packs } = checked;
    const { whole, bytes, unindexed } = await checkPacks(this.#context("packs"), checked);
    const chosen = this.#packsToRead(whole);
    const world = this.#world;
    await checkPackData({ ...this.#context("data"), budget: world, passesOverOutages: false }, chosen);
    const indexed = { ...this.#repository, index };
    const reading = { repository: indexed, budget: world };
    const trees = await checkTrees({ ...this.#context("trees"), ...reading }, all);
    const backups = await withRewritten(all, () => Promise.resolve(indexed));
    const streams = this.#options.readData === true ? new StreamsToRead() : undefined;
    const files = this.#options.readData === true ? new FilesToRead() : undefined;
    await checkBackups({ ...this.#context("backups"), ...reading, streams, files }, backups, trees);
    const read = await checkStreams({ ...this.#context("streams"), ...reading }, streams);
    const filesRead = await checkFiles({ ...this.#context("streams"), ...reading }, files);
    return {
      snapshots: all.length,
      trees: trees.count,
      blobs: index.blobCount,
      packs: packs.size,
      packBytes: bytes,
      packsRead: chosen.length,
      packBytesRead: chosen.reduce((sum, { bytes }) => sum + bytes, 0),
      streamsRead: read.count,
      streamBytesRead: read.bytes,
      filesRead: filesRead.count,
      fileBytesRead: filesRead.bytes,
      unreferencedPacks: unindexed.length,
      errors: this.#findings.errors.map((finding) => reported(finding, backups)),
      notes: this.#findings.notes.map((finding) => reported(finding, backups)),
      repairs: repairsFor(this.#findings.errors),
    };
  }

  /** Stale locks get a note, because restic waits for them. */
  async #checkLocks(): Promise<void> {
    try {
      for (const { id, lock, stale } of await listLocks(this.#repository.files, this.#world)) {
        if (stale === null) continue;
        const text = `Lock ${id} of process ${lock.pid} on ${lock.hostname} is stale: ${stale}`;
        this.#findings.note({ kind: "lock", id, text, advice: `if that process really is over, run "agent unlock"` });
      }
    } catch (error) {
      if (error instanceof LockedError) {
        return void this.#findings.note({ kind: "lock", id: null, text: error.message, advice: "look again later" });
      }
      if (!(error instanceof IntegrityError)) throw error;
      this.#findings.error({
        kind: "lock",
        id: null,
        text: error.message,
        advice: '"agent unlock --remove-all" removes it',
      });
    }
  }

  async #checkKeys(): Promise<void> {
    const { keys, unreadable } = await listKeys(this.#repository.store);
    for (const { id, error } of unreadable) {
      const advice = `bring the file back from a copy of the store if it was somebody's key; ${removalOfKey(id)}`;
      this.#findings.error({ kind: "key", id, text: `Key ${id} cannot be read: ${error.message}`, advice });
    }
    if (keys.length <= MOST_KEYS_TRIED) return;
    const text = `There are ${keys.length} key files; opening the repository tries at most ${MOST_KEYS_TRIED} of them`;
    const advice = 'remove those that nobody needs: "agent key list" shows them, "agent key remove" removes one';
    this.#findings.note({ kind: "key", id: null, text, advice });
  }

  async #loadBackups(): Promise<readonly Backup[]> {
    const { signal } = this.#options;
    const { all, damaged } = await loadBackups(this.#repository.files, {
      ...LENIENT,
      rewritten: "unread",
      signal,
    });
    for (const { id, error } of damaged.toSorted((a, b) => a.id < b.id ? -1 : 1)) {
      const advice = error.cause instanceof StoreError && !(error.cause instanceof TooLargeError)
        ? "see to the disk or the server, or bring the file back from a copy of the store"
        : `${GIVE_UP_SNAPSHOT}: that backup is lost, but no other`;
      this.#findings.error({ kind: "snapshot", id, text: error.message, advice });
    }
    return all;
  }

  #packsToRead(whole: readonly DescribedPack[]): readonly DescribedPack[] {
    const { readData } = this.#options;
    if (typeof readData === "boolean") return readData ? whole : [];
    return chooseSubset(whole, readData, this.#world.randomBytes);
  }

  #context(phase: CheckPhase): CheckContext {
    const { signal, onProgress } = this.#options;
    return {
      repository: this.#repository,
      findings: this.#findings,
      suspects: this.#suspects,
      signal,
      onProgress: (done, total) => onProgress?.({ phase, done, total }),
    };
  }
}

/** The repairs for these errors, snapshots last: a backup may need content that packs or the index have lost. */
function repairsFor(errors: readonly Finding[]): Repair[] {
  const wanted = new Set(errors.flatMap(({ repair }) => repair ?? []));
  if (errors.some(({ repair, snapshots }) => repair !== undefined && snapshots.size > 0)) wanted.add("snapshots");
  // Blobs that no index lists may be in a pack whose index is gone.
  if (errors.some(({ kind, repair }) => repair === "snapshots" && kind !== "pack")) wanted.add("index");
  return REPAIRS.filter((repair) => wanted.has(repair));
}

function reported({ snapshots, paths, ...fields }: Finding, backups: readonly Backup[]): CheckFinding {
  const affected = backups.filter(({ snapshotId }) => snapshots.has(snapshotId));
  return {
    ...fields,
    backups: affected.map(({ series, id, snapshotId }) => ({ series, id, snapshotId })),
    paths: [...paths],
  };
}
