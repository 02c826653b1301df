/**
 * Prune: removes what no backup needs. Everything is read, decided and verified before anything is removed.
 * maintain/prune/prune_apply.ts sets the order of the removal.
 */
import { IntegrityError, StoreError, UsageError } from "../base/errors.ts";
import type { SnapshotId } from "../base/id.ts";
import { type AppliedPrune, type ApplyPhase, applyPrune } from "../maintain/prune/prune_apply.ts";
import { loadPruneIndex, type PruneIndex } from "../maintain/prune/prune_index.ts";
import { markUsed } from "../maintain/prune/prune_mark.ts";
import { planPrune, type PruneLimits, type PrunePlan } from "../maintain/prune/prune_plan.ts";
import { type ListedPacks, type RepositoryUse, usePacks } from "../maintain/prune/prune_use.ts";
import { findLastCopies } from "../maintain/prune/last_copies.ts";
import type { LockedRepository } from "../repository/repository.ts";
import type { Leftovers } from "../store/store.ts";
import { openAccess, type RepositoryAccess, useCase, type UseCaseOptions } from "./access.ts";
import type { Backup } from "../backup/backup.ts";
import { loadBackups } from "../backup/load_backups.ts";
import { comparePacks } from "../repository/pack/stored_packs.ts";
import { packBytesFor, pruneReads } from "../backup/buffers.ts";
import { refuseMissingFolders } from "../repository/missing_folders.ts";
import { NO_VERIFIER, startVerifier } from "../maintain/prune/prune_verifier.ts";

/** The phases of a prune, in order. */
export type PrunePhase = "indexes" | "trees" | ApplyPhase;

/**
 * The progress of one phase, counted in index files, trees (`total` is an upper bound), bytes during verification and
 * copying, or removed files.
 */
export interface PruneProgress {
  /** The current phase. */
  readonly phase: PrunePhase;
  /** How much of it is done: bytes while blobs are verified or copied, otherwise files or trees. */
  readonly done: number;
  /** How much there is in all. */
  readonly total: number;
}

/** What to prune, and how much. */
export interface PruneRequest {
  /** The limits of the prune. */
  readonly limits: PruneLimits;
  /** Only report what would be done. */
  readonly dryRun: boolean;
  /** Allow emptying a repository that has packs but no backup; otherwise that is refused. */
  readonly allowEmpty?: boolean;
  /** The size from which a new pack is full, in bytes; see `PackWriter`. */
  readonly packBytes?: number;
}

/** Options of `prune`. */
export interface PruneOptions extends UseCaseOptions {
  /** Called as the prune proceeds. */
  readonly onProgress?: (progress: PruneProgress) => void;
}

/** The request and options of one run. */
interface PruneRun extends PruneRequest, PruneOptions {
  readonly signal: AbortSignal;
  /** Snapshots to treat as gone: a forget in the same run removes them after the prune is planned. */
  readonly without?: ReadonlySet<SnapshotId>;
  /** Snapshots that are known to exist. A listing without one of them is wrong. */
  readonly known?: ReadonlySet<SnapshotId>;
}

/** What a prune did or, in a dry run, would do. */
export interface PruneResult {
  /** What is removed, and why. */
  readonly plan: PrunePlan;
  /** What was written and removed; null for a dry run. */
  readonly applied: AppliedPrune | null;
  /** Temporary files of killed writers that were removed, or would be. */
  readonly leftovers: Leftovers;
}

/**
 * Prunes the repository under an exclusive lock. A dry run changes nothing and takes a shared one.
 *
 * Throws `IntegrityError` if a snapshot, an index file, a tree or a needed pack is unreadable or missing, or if a blob
 * is in several packs and the copy to be kept is damaged; then nothing needed is removed. Throws `UsageError` if there
 * is no backup (unless `allowEmpty`), `StoreError` if a folder is missing or listings contradict each other,
 * `LockedError`, and what the store throws. The repository is whole whenever a prune stops, and the next prune
 * continues from there.
 */
export function prune(
  access: RepositoryAccess,
  request: PruneRequest,
  options: PruneOptions,
): Promise<PruneResult> {
  return useCase(options, async (signal) => {
    await using repository = await openAccess(access, options);
    await using lock = await repository.lock({ exclusive: !request.dryRun, signal });
    const prepared = await preparePrune(await lock.confirmed, { ...request, ...options, signal });
    return await prepared.finish();
  });
}

/** A planned prune that has changed nothing yet. */
export interface PreparedPrune {
  /**
   * Carries out the plan, unless it is a dry run. Snapshots that the plan treats as gone must be removed before;
   * `forgotten` is their number, for messages. Throws what `prune` throws, except the problems that planning finds.
   */
  finish(forgotten?: number): Promise<PruneResult>;
}

/**
 * Plans a prune under a lock, which is exclusive unless it is a dry run. Snapshots are listed only after the lock is
 * confirmed, so that all earlier commits are seen. Throws what `prune` throws before it changes anything.
 */
export async function preparePrune(repository: LockedRepository, run: PruneRun): Promise<PreparedPrune> {
  const planned = await withoutRemoval(() => planFor(repository, run));
  return {
    async finish(forgotten = 0) {
      const applied = run.dryRun ? null : await apply(repository, run, planned, unchangedAfter(forgotten));
      return { plan: planned.plan, applied, leftovers: await removeLeftovers(repository, run) };
    },
  };
}

interface Planned {
  readonly index: PruneIndex;
  readonly use: RepositoryUse;
  readonly plan: PrunePlan;
  readonly snapshots: readonly SnapshotId[];
}

/**
 * Reads what a prune needs to know, and plans it. Snapshots are loaded before the index, so that a dry run beside a put
 * never finds a backup whose blobs are in no index.
 */
async function planFor(repository: LockedRepository, options: PruneRun): Promise<Planned> {
  const { limits, allowEmpty = false, without, signal, onProgress } = options;
  await refuseMissingFolders(repository.store, ["snapshot", "index", "pack"], signal);
  const progress = (phase: PrunePhase) => (done: number, total: number) => onProgress?.({ phase, done, total });
  const vanished = options.dryRun ? "forgotten" : "refused";
  const asked = { rewritten: "unread", damaged: "refused", vanished, signal } as const;
  const { all } = await loadBackups(repository.files, asked);
  refuseOtherSnapshots(all, options);
  const index = await loadPruneIndex(repository, { signal, onProgress: progress("indexes") });
  const listed = await comparePacks(repository.store, index.packs, { signal });
  if (all.length === 0 && !allowEmpty) refuseEmptying(repository, listed);
  const remaining = all.filter(({ snapshotId }) => !without?.has(snapshotId));
  const used = await markUsed({
    repository,
    index,
    isWhole: (pack) => listed.packs[pack]!.state === "whole",
    roots: remaining.map(({ snapshot }) => snapshot.tree),
    budget: options.world,
    signal,
    onProgress: progress("trees"),
  });
  const use = usePacks(index, listed, used);
  const plan = planPrune(use.packs, listed.unindexed, limits);
  return { index, use, plan, snapshots: remaining.map(({ snapshotId }) => snapshotId) };
}

/** Adds to an error of planning that nothing was removed, and what to do. */
async function withoutRemoval<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof IntegrityError)) throw error;
    const advice = 'nothing was removed; run "agent check", which says what to do';
    throw new IntegrityError(`${error.message}; ${advice}`, { cause: error });
  }
}

/** What to say if a prune stops before it changes anything, after `forgotten` snapshots were removed. */
function unchangedAfter(forgotten: number): string {
  return forgotten === 0 ? "nothing was removed" : `snapshots were removed (${forgotten}), but nothing was pruned`;
}

/** Applies the plan. If it fails before it changes anything, the error says `unchanged`. */
async function apply(
  repository: LockedRepository,
  run: PruneRun,
  planned: Planned,
  unchanged: string,
): Promise<AppliedPrune> {
  const { world, signal, onProgress, packBytes = packBytesFor(world, repository.store.uploads) } = run;
  const { index, use, plan, snapshots } = planned;
  const lastCopies = findLastCopies(index, use.isKept, plan);
  // Threads cost a tenth of a second and some 50 MB, so a prune that reads no blobs starts none.
  using verifier = plan.repack.length + lastCopies.packs.length > 0
    ? await startVerifier(repository, world)
    : NO_VERIFIER;
  return await applyPrune({
    repository,
    index,
    plan,
    lastCopies,
    snapshots,
    unchanged,
    isKept: use.isKept,
    verify: verifier.verify,
    readsAtOnce: pruneReads(world),
    clock: world.clock,
    randomBytes: world.randomBytes,
    signal,
    onProgress: (phase, done, total) => onProgress?.({ phase, done, total }),
    packBytes,
  });
}

/** Temporary files of this age are leftovers, because no put takes a day to write one file. */
const LEFTOVER_AGE_MS = 24 * 60 * 60 * 1000;

async function removeLeftovers(
  { store }: LockedRepository,
  { world: { clock }, dryRun, signal }: PruneRun,
): Promise<Leftovers> {
  const olderThan = new Date(clock.now().getTime() - LEFTOVER_AGE_MS);
  return await store.removeLeftovers?.({ olderThan, dryRun, signal }) ?? { files: 0, bytes: 0 };
}

/** Refuses a listing that omits known snapshots, because their data would be removed. */
function refuseOtherSnapshots(backups: readonly Backup[], options: PruneRun): void {
  const missing = options.known?.difference(new Set(backups.map(({ snapshotId }) => snapshotId))).size ?? 0;
  if (missing === 0) return;
  throw new StoreError(
    `Cannot prune: the store lists other snapshots than a moment ago, ${missing} are missing; ` +
      "nothing was removed; run it again later",
  );
}

/**
 * Refuses to prune without any backup: missing snapshots, as on an incomplete copy of a repository, look like forgotten
 * ones.
 */
function refuseEmptying({ store }: LockedRepository, { packs, unindexed }: ListedPacks): void {
  const count = Math.max(packs.length, packs.filter(({ state }) => state !== "missing").length + unindexed.length);
  if (count === 0) return;
  throw new UsageError(
    `Refusing to prune: there are ${count} packs in ${store.location} and no backup at all, as if its snapshots were missing; ` +
      "if all backups were removed on purpose, use --allow-empty",
  );
}
