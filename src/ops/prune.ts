/**
 * Prune: removes what no backup needs any more. Everything is read, decided and verified before anything goes; the order
 * in which it goes then is that of maintain/prune/prune_apply.ts.
 */
import { IntegrityError, StoreError, UsageError } from "../base/errors.ts";
import type { SnapshotId } from "../base/id.ts";
import { type AppliedPrune, type ApplyPhase, applyPrune } from "../maintain/prune/prune_apply.ts";
import { loadPruneIndex, type PruneIndex } from "../maintain/prune/prune_index.ts";
import { markUsed } from "../maintain/prune/prune_mark.ts";
import { planPrune, type PruneLimits, type PrunePlan } from "../maintain/prune/prune_plan.ts";
import { type ListedPacks, type RepositoryUse, usePacks } from "../maintain/prune/prune_use.ts";
import { findLastCopies } from "../maintain/prune/prune_verify.ts";
import type { LockedRepository } from "../repository/repository.ts";
import type { Leftovers } from "../store/store.ts";
import { openAccess, type RepositoryAccess, useCase, type UseCaseOptions } from "./access.ts";
import type { Backup } from "../backup/backup.ts";
import { loadBackups } from "../backup/load_backups.ts";
import { comparePacks } from "../repository/pack/stored_packs.ts";
import { packBytesFor, pruneReads } from "../backup/buffers.ts";
import { refuseMissingFolders } from "../repository/missing_folders.ts";
import { NO_VERIFIER, startVerifier } from "../maintain/prune/prune_verifier.ts";

/** The parts of a prune, in their order. */
export type PrunePhase = "indexes" | "trees" | ApplyPhase;

/** How far one part is: index files, trees (at most so many), bytes while blobs are verified or copied, files that go. */
export interface PruneProgress {
  /** What it does at the moment. */
  readonly phase: PrunePhase;
  /** How much of it is done: bytes while blobs are verified or copied, else files. */
  readonly done: number;
  /** How much there is. */
  readonly total: number;
}

/** What to prune, and how far. */
export interface PruneRequest {
  /** What it may do. */
  readonly limits: PruneLimits;
  /** Only say what would be done. */
  readonly dryRun: boolean;
  /** Empty a repository in which there is no backup any more; else one that has packs is refused then. */
  readonly allowEmpty?: boolean;
  /** Bytes from which on a fresh pack is full; see `PackWriter`. */
  readonly packBytes?: number;
}

/** Options of `prune`. */
export interface PruneOptions extends UseCaseOptions {
  /** Told as it gets on. */
  readonly onProgress?: (progress: PruneProgress) => void;
}

/** What a prune goes by. */
interface PruneRun extends PruneRequest, PruneOptions {
  readonly signal: AbortSignal;
  /** Snapshots that count as gone: those that a forget in the same run removes once the prune is planned. */
  readonly without?: ReadonlySet<SnapshotId>;
  /** Snapshots that are known to be there; a listing without one of them is wrong. */
  readonly known?: ReadonlySet<SnapshotId>;
}

/** What a prune did or, in a dry run, would do. */
export interface PruneResult {
  /** What goes, and why. */
  readonly plan: PrunePlan;
  /** What was written and removed; null for a dry run. */
  readonly applied: AppliedPrune | null;
  /** Temporary files of killed writers that were removed, or would be. */
  readonly leftovers: Leftovers;
}

/**
 * Prunes the repository under an exclusive lock; a dry run, which changes nothing, takes a shared one. Throws
 * `IntegrityError` and removes nothing needed where a snapshot, an index file, a tree or a needed pack cannot be read or
 * is missing, or where of a blob in several packs the copy that is to stay is damaged; `UsageError` where there is no
 * backup and that is not allowed; `StoreError` where a folder is missing or listings contradict each other;
 * `LockedError`, and what the store throws. Whenever it stops, the repository is whole, and the next
 * prune goes on from there.
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

/** A prune that is planned and has changed nothing. */
export interface PreparedPrune {
  /**
   * Carries it out, unless it is a dry run; by then the snapshots that count as gone have to be, `forgotten` of them. Throws
   * what `prune` throws for anything but what was found by planning.
   */
  finish(forgotten?: number): Promise<PruneResult>;
}

/**
 * Plans a prune. The lock is exclusive unless it is a dry run; whoever committed before it was known to hold is listed only
 * after that. Throws what `prune` throws before it changes anything.
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

/** Snapshots come before the index, so that a dry run beside a put never finds a backup whose blobs no index lists. */
async function planFor(repository: LockedRepository, options: PruneRun): Promise<Planned> {
  const { limits, allowEmpty = false, without, signal, onProgress } = options;
  await refuseMissingFolders(repository.store, ["snapshot", "index", "pack"], signal);
  const progress = (phase: PrunePhase) => (done: number, total: number) => onProgress?.({ phase, done, total });
  const vanished = options.dryRun ? "forgotten" : "refused";
  const asked = { rewritten: "unread", damaged: "refused", vanished, signal } as const;
  const { all } = await loadBackups(repository.files, asked);
  refuseOtherSnapshots(all, options);
  const index = await loadPruneIndex(repository.files, { signal, onProgress: progress("indexes") });
  const listed = await comparePacks(repository.store, index.packs, { signal });
  if (all.length === 0 && !allowEmpty) refuseEmptying(repository, listed);
  const remaining = all.filter(({ snapshotId }) => !without?.has(snapshotId));
  const used = await markUsed({
    repository,
    index,
    isWhole: (pack) => listed.packs[pack]!.state === "whole",
    roots: remaining.map(({ snapshot }) => snapshot.tree),
    signal,
    onProgress: progress("trees"),
  });
  const use = usePacks(index, listed, used);
  const plan = planPrune(use.packs, listed.unindexed, limits);
  return { index, use, plan, snapshots: remaining.map(({ snapshotId }) => snapshotId) };
}

/** Damage that is found before anything was changed says so, and what to do. */
async function withoutRemoval<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof IntegrityError)) throw error;
    const advice = 'nothing was removed; run "agent check", which says what to do';
    throw new IntegrityError(`${error.message}; ${advice}`, { cause: error });
  }
}

/** What has not changed where a prune stops, `forgotten` snapshots having gone before it. */
function unchangedAfter(forgotten: number): string {
  return forgotten === 0 ? "nothing was removed" : `snapshots were removed (${forgotten}), but nothing was pruned`;
}

/** `unchanged` is what to say where it stops before it changes anything. */
async function apply(
  repository: LockedRepository,
  run: PruneRun,
  planned: Planned,
  unchanged: string,
): Promise<AppliedPrune> {
  const { world, signal, onProgress, packBytes = packBytesFor(world, repository.store.uploads) } = run;
  const { index, use, plan, snapshots } = planned;
  const lastCopies = findLastCopies(index, use.isKept, plan);
  // Threads cost a tenth of a second and some 50 MB, which a prune that reads no blobs can do without.
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

/** No put takes a day to write one file. */
const LEFTOVER_AGE_MS = 24 * 60 * 60 * 1000;

async function removeLeftovers(
  { store }: LockedRepository,
  { world: { clock }, dryRun, signal }: PruneRun,
): Promise<Leftovers> {
  const olderThan = new Date(clock.now().getTime() - LEFTOVER_AGE_MS);
  return await store.removeLeftovers?.({ olderThan, dryRun, signal }) ?? { files: 0, bytes: 0 };
}

/** What the snapshots need that a listing leaves out would be removed. */
function refuseOtherSnapshots(backups: readonly Backup[], options: PruneRun): void {
  const missing = options.known?.difference(new Set(backups.map(({ snapshotId }) => snapshotId))).size ?? 0;
  if (missing === 0) return;
  throw new StoreError(
    `Cannot prune: the store lists other snapshots than a moment ago, ${missing} are missing; ` +
      "nothing was removed; run it again later",
  );
}

/** Snapshots that are not there, on a half-made copy of a repository say, look just like backups that are forgotten. */
function refuseEmptying({ store }: LockedRepository, { packs, unindexed }: ListedPacks): void {
  const count = Math.max(packs.length, packs.filter(({ state }) => state !== "missing").length + unindexed.length);
  if (count === 0) return;
  throw new UsageError(
    `Refusing to prune: there are ${count} packs in ${store.location} and no backup at all, as if its snapshots were missing; ` +
      "if all backups really are to be gone, say --allow-empty",
  );
}
