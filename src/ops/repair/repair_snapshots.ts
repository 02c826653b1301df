/**
 * Repair snapshots: reports what damaged backups have lost, and makes snapshots of what is left of them.
 *
 * What is left is not a backup, and nobody must restore it as one by mistake. So its snapshot has no manifest, belongs
 * to the series `damaged/SERIES` and has the tag `damaged`; damaged files get other names; and a text in its root says
 * what is lost. The damaged snapshot stays unless it is to be forgotten.
 */
import { sidecarPath } from "../../format/manifest/series.ts";
import { IntegrityError, NotFoundError, StoreError } from "../../base/errors.ts";
import { type ManifestId, shortId, type SnapshotId } from "../../base/id.ts";
import type { Backup } from "../../backup/backup.ts";
import { saveTree } from "../../backup/commit.ts";
import { blobIdOf } from "../../backup/content/content_list.ts";
import { LENIENT, loadBackups, type LoadedBackups } from "../../backup/load_backups.ts";
import { withRewritten } from "../../backup/rewritten.ts";
import { parseSelector, selectDespiteDamage } from "../../backup/naming/selector.ts";
import { sha256 } from "../../crypto/digest.ts";
import type { Snapshot } from "../../format/snapshot.ts";
import type { Rfc3339 } from "../../format/time.ts";
import { Findings, SuspectPacks } from "../../maintain/check/findings.ts";
import { type CheckContext, checkIndex } from "../../maintain/check/check_index.ts";
import { checkPacks } from "../../maintain/check/check_packs.ts";
import { BlobSet } from "../../repository/index/blob_index.ts";
import { PackWriter } from "../../repository/pack/pack_writer.ts";
import { type RepairedNodes, TreeRepair } from "../../maintain/repair/tree_repair.ts";
import type { IndexedRepository, LockedRepository } from "../../repository/repository.ts";
import { loadSnapshot } from "../../repository/snapshots.ts";
import { failureOfFile } from "../../repository/unreadable.ts";
import type { RepositoryAccess } from "../access.ts";
import { packBytesFor } from "../../backup/buffers.ts";
import {
  type RepairOptions,
  type RepairProgress,
  type RepairRequest,
  type RepairRun,
  withRepairSession,
} from "./repair_session.ts";
import { type Loss, lossesOf, ToldLosses } from "../../maintain/repair/backup_losses.ts";
import {
  damagedSeries,
  isSameRest,
  saveRoot,
  snapshotOfRest,
  type TreeStore,
} from "../../maintain/repair/remaining_snapshot.ts";

/** Which backups to repair, and whether to forget the damaged ones. */
export interface RepairSnapshotsRequest extends RepairRequest {
  /** Selectors of the backups; none means all. */
  readonly backups: readonly string[];
  /** Remove the damaged snapshots after their remains have snapshots of their own. */
  readonly forget: boolean;
}

/** A backup that has lost something. */
export interface DamagedBackup {
  /** Its series. */
  readonly series: string;
  /** Its id, as in `Backup.id`. */
  readonly id: ManifestId | SnapshotId;
  /** Its snapshot. */
  readonly snapshotId: SnapshotId;
  /** Its host. */
  readonly host: string;
  /** When its streams began. */
  readonly started: Rfc3339;
  /** What is lost; empty if not even the root of its tree is left. */
  readonly losses: readonly Loss[];
  /** How many damaged files and directories `losses` does not cover. */
  readonly moreLosses: number;
  /** The series and snapshot of what is left; null if nothing is. A dry run makes no snapshot, so its id is null. */
  readonly left: { readonly series: string; readonly snapshotId: SnapshotId | null } | null;
  /** Whether the damaged snapshot is removed. */
  readonly isForgotten: boolean;
}

/** What was found and repaired, or would be. */
export interface SnapshotRepair {
  /** How many backups were examined. */
  readonly backups: number;
  /** The damaged backups, oldest first. */
  readonly damaged: readonly DamagedBackup[];
  /** Snapshots that cannot be read at all. They stay, because nothing can be saved of them. */
  readonly unreadable: readonly SnapshotId[];
  /** Unreadable snapshots that were removed, or would be. */
  readonly unreadableForgotten: readonly SnapshotId[];
}

/**
 * Repairs snapshots. Throws `IntegrityError` if index and packs disagree; repair them first. (A dry run counts the
 * content of missing or truncated packs as lost.) Throws `StoreError` if the store contradicts itself about what is
 * lost, what `selectDespiteDamage` throws, and what opening and locking throw.
 */
export function repairSnapshots(
  access: RepositoryAccess,
  request: RepairSnapshotsRequest,
  options: RepairOptions,
): Promise<SnapshotRepair> {
  return withRepairSession(access, request, options, (repository, run) => {
    return new SnapshotsRepair(repository, run).perform();
  });
}

/** A damaged backup under repair. */
interface Casualty {
  readonly backup: Backup;
  readonly losses: readonly Loss[];
  readonly moreLosses: number;
  /** How many files and directories are damaged; null if not even the root is left. */
  readonly damageCount: number | null;
  /** The snapshot of what is left; null if nothing is. */
  readonly snapshot: Snapshot | null;
}

/** One repair of snapshots in an open, locked repository. */
class SnapshotsRepair {
  readonly #repository: LockedRepository;
  readonly #run: RepairSnapshotsRequest & RepairRun;
  readonly #told = new ToldLosses();
  #findings = new Findings();
  #suspects = new SuspectPacks();
  #unindexedPacks = 0;

  constructor(repository: LockedRepository, run: RepairSnapshotsRequest & RepairRun) {
    this.#repository = repository;
    this.#run = run;
  }

  async perform(): Promise<SnapshotRepair> {
    const { forget, dryRun, signal } = this.#run;
    const list = await loadBackups(this.#repository.files, { ...LENIENT, rewritten: "unread", signal });
    const { chosen, casualties } = await this.#findCasualties(list);
    if (forget && !dryRun && casualties.length > 0) await this.#examineAgain(casualties);
    const damaged: DamagedBackup[] = [];
    for (const casualty of casualties) damaged.push(await this.#conclude(casualty, list));
    const unreadable = new Set(list.damaged.map(({ id }) => id).sort());
    const unreadableForgotten = await this.#forgetUnreadable(unreadable);
    return {
      backups: chosen,
      damaged,
      unreadable: [...unreadable.difference(unreadableForgotten)],
      unreadableForgotten: [...unreadableForgotten],
    };
  }

  /** Removes unreadable snapshots, whose series is unknown, if all backups are to be repaired. */
  async #forgetUnreadable(unreadable: ReadonlySet<SnapshotId>): Promise<Set<SnapshotId>> {
    const { forget, dryRun, backups, signal } = this.#run;
    const { files } = this.#repository;
    const forgotten = new Set<SnapshotId>();
    if (!forget || backups.length > 0) return forgotten;
    for (const id of unreadable) {
      if (!await this.#isDamagedForCertain(id)) continue;
      forgotten.add(id);
      if (dryRun) continue;
      await files.remove("snapshot", id, { signal });
    }
    return forgotten;
  }

  /**
   * Whether a fresh read proves the damage. A snapshot that the store cannot deliver, or delivers whole this time, must
   * not be removed.
   */
  async #isDamagedForCertain(id: SnapshotId): Promise<boolean> {
    try {
      await loadSnapshot(this.#repository.files, id, this.#run.signal);
      return false;
    } catch (error) {
      if (error instanceof IntegrityError) return true;
      if (error instanceof NotFoundError) return false;
      await failureOfFile(this.#repository.store, error, this.#run.signal);
      return false;
    }
  }

  /** Finds the damaged backups among the chosen ones and stores their remains. Also returns how many were chosen. */
  async #findCasualties(list: LoadedBackups): Promise<{ readonly chosen: number; readonly casualties: Casualty[] }> {
    const indexed = { ...this.#repository, index: await this.#checkedIndex() };
    const chosen = await this.#choose(list, indexed);
    const store = this.#treeStore(indexed);
    try {
      const casualties = await this.#examineAll(indexed, chosen, store);
      if (casualties.length > 0) this.#refuseToForgetTooMuch();
      await store.finish();
      return { chosen: chosen.length, casualties };
    } catch (error) {
      // The cause of the failure must be reported, not a failure here. Durable packs get an index, and the next prune
      // removes them.
      await store.abandon().catch(() => {});
      throw error;
    }
  }

  /**
   * Reads everything again before a forget, because forgotten data is gone for good and one answer of the store may be
   * wrong.
   */
  async #examineAgain(casualties: readonly Casualty[]): Promise<void> {
    const { signal, onProgress } = this.#run;
    const repository = { ...this.#repository, index: await this.#checkedIndex() };
    this.#refuseToForgetTooMuch();
    const saveTree = (tree: Uint8Array) => Promise.resolve(blobIdOf(sha256(tree)));
    const trees = casualties.map(({ backup }) => backup.snapshot.tree);
    const repair = await TreeRepair.of(trees, { repository, suspects: this.#suspects, saveTree, signal });
    for (const [position, { backup, damageCount }] of casualties.entries()) {
      const repaired = await repair.repairNodes(backup.snapshot.tree, sidecarPath(backup.series));
      if (countDamage(repaired) !== damageCount) throw lossesDiffer(backup);
      onProgress?.({ phase: "backups", done: position + 1, total: casualties.length });
    }
  }

  /** Refuses to forget while packs are in no index, because they may hold the missing blobs. */
  #refuseToForgetTooMuch(): void {
    const { forget, dryRun } = this.#run;
    if (!forget || dryRun || this.#unindexedPacks === 0) return;
    throw new IntegrityError(
      `Refusing to forget damaged backups while no index lists ${this.#unindexedPacks} packs, which may hold what they lack; ` +
        'run "agent repair index" first, and remove packs whose headers cannot be read',
    );
  }

  async #checkedIndex() {
    this.#findings = new Findings();
    this.#suspects = new SuspectPacks();
    const checked = await checkIndex(this.#context("index"));
    this.#unindexedPacks = (await checkPacks(this.#context("packs"), checked)).unindexed.length;
    const [first] = this.#findings.errors;
    if (first === undefined || this.#run.dryRun) return checked.index;
    const repairs = [...new Set(this.#findings.errors.map(({ repair }) => `"agent repair ${repair}"`))].sort();
    throw new IntegrityError(
      `${first.text}; run ${repairs.join(", then ")} first, so that nothing is given up that can be saved`,
    );
  }

  async #choose({ all, damaged }: LoadedBackups, indexed: IndexedRepository): Promise<Backup[]> {
    const backups = await withRewritten(all, () => Promise.resolve(indexed));
    const { backups: wanted } = this.#run;
    if (wanted.length === 0) return backups;
    const chosen = new Set(
      wanted.map((text) => selectDespiteDamage(backups, damaged, { selector: parseSelector(text), text })),
    );
    return backups.filter((backup) => chosen.has(backup));
  }

  /** Stores the repaired trees. A dry run only computes their ids. */
  #treeStore(indexed: IndexedRepository): TreeStore {
    const { signal, dryRun } = this.#run;
    if (dryRun) {
      return {
        saveTree: (tree) => Promise.resolve(blobIdOf(sha256(tree))),
        saveData: (bytes) => Promise.resolve(sha256(bytes)),
        finish: () => Promise.resolve(),
        abandon: () => Promise.resolve(),
      };
    }
    const { clock, randomBytes } = this.#run.world;
    const repository = this.#repository;
    const index = new BlobSet(indexed.index);
    const packBytes = packBytesFor(this.#run.world, repository.store.uploads);
    const writer = new PackWriter({ repository, index, clock, randomBytes, packBytes, signal });
    return {
      saveTree: (tree) => saveTree(writer, tree),
      saveData: (bytes) => writer.addPlaintext("data", bytes),
      finish: () => writer.finish(),
      abandon: () => writer.abandon(),
    };
  }

  async #examineAll(indexed: IndexedRepository, backups: readonly Backup[], store: TreeStore): Promise<Casualty[]> {
    const { signal, onProgress } = this.#run;
    const trees = backups.map(({ snapshot }) => snapshot.tree);
    const tools = { repository: indexed, suspects: this.#suspects, saveTree: store.saveTree, signal };
    const repair = await TreeRepair.of(trees, tools);
    const casualties: Casualty[] = [];
    for (const [position, backup] of backups.entries()) {
      const casualty = await this.#examine(indexed, backup, repair, store);
      if (casualty !== null) casualties.push(casualty);
      onProgress?.({ phase: "backups", done: position + 1, total: backups.length });
    }
    return casualties;
  }

  /** What a backup has lost; the trees of its remains are stored. Null if the backup is whole. */
  async #examine(
    indexed: IndexedRepository,
    backup: Backup,
    repair: TreeRepair,
    store: TreeStore,
  ): Promise<Casualty | null> {
    const repaired = await repair.repairNodes(backup.snapshot.tree, sidecarPath(backup.series));
    const damageCount = countDamage(repaired);
    if (repaired === null) return { backup, losses: [], moreLosses: 0, damageCount, snapshot: null };
    const { listed, more } = repaired.damage;
    if (listed.length === 0) return null;
    const all = await lossesOf(indexed, backup, listed);
    const tree = await saveRoot(backup, repaired, all, store);
    const losses = this.#told.take(all);
    const moreLosses = more + all.length - losses.length;
    const snapshot = snapshotOfRest(backup, tree, this.#run.world.programVersion);
    return { backup, losses, moreLosses, damageCount, snapshot };
  }

  /**
   * Writes the snapshot of what is left, unless an earlier repair did, and then forgets the damaged one if requested.
   */
  async #conclude({ backup, losses, moreLosses, snapshot }: Casualty, list: LoadedBackups): Promise<DamagedBackup> {
    const { dryRun, forget, signal } = this.#run;
    const { files } = this.#repository;
    const { series, id, snapshotId, host, started } = backup;
    let leftId: SnapshotId | null = null;
    if (snapshot !== null) {
      leftId = list.all.find((other) => isSameRest(other.snapshot, snapshot))?.snapshotId ?? null;
      signal.throwIfAborted();
      if (leftId === null && !dryRun) leftId = await files.saveSnapshot(snapshot);
    }
    if (forget && !dryRun) {
      signal.throwIfAborted();
      await files.remove("snapshot", snapshotId, { signal });
    }
    const left = snapshot === null ? null : { series: damagedSeries(series), snapshotId: leftId };
    return { series, id, snapshotId, host, started, losses, moreLosses, left, isForgotten: forget };
  }

  #context(phase: RepairProgress["phase"]): CheckContext {
    return {
      repository: this.#repository,
      findings: this.#findings,
      suspects: this.#suspects,
      signal: this.#run.signal,
      onProgress: (done, total) => this.#run.onProgress?.({ phase, done, total }),
    };
  }
}

/** How many files and directories are damaged; null if not even the root is left. */
function countDamage(repaired: RepairedNodes | null): number | null {
  return repaired === null ? null : repaired.damage.listed.length + repaired.damage.more;
}

function lossesDiffer({ series, snapshotId }: Backup): StoreError {
  return new StoreError(
    `Two readings of ${series}@${shortId(snapshotId)} found different losses: no backup was forgotten; ` +
      "check the store and run it again",
  );
}
