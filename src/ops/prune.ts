/**
 * Prune: removes what no backup needs any more. Everything is read, decided and verified before anything goes; the order
 * in which it goes then is that of maintain/prune/prune_apply.ts.
 */
import { IntegrityError, StoreError, UsageError } from "../base/errors.ts";
import type { SnapshotId } from "../base/id.ts";
import type { HeldLock } from "../repository/lock/held_lock.ts";
import { type AppliedPrune, type ApplyPhase, applyPrune } from "../maintain/prune/prune_apply.ts";
import { loadPruneIndex, type PruneIndex } from "../maintain/prune/prune_index.ts";
import { markUsed } from "../maintain/prune/prune_mark.ts";
import { planPrune, type PruneLimits, type PrunePlan } from "../maintain/prune/prune_plan.ts";
import { comparePacks, type RepositoryUse, usePacks } from "../maintain/prune/prune_use.ts";
import { findLastCopies } from "../maintain/prune/prune_verify.ts";
import type { Repository } from "../repository/repository.ts";
import { damageWithAdvice, loadSnapshots, refuseVanished, type StoredSnapshot } from "../repository/snapshots.ts";
import { findUnlisted } from "../repository/pack/unlisted_packs.ts";
import type { Leftovers, ListedFile } from "../store/store.ts";
import { type RepositoryAccess, withLock, withRepository, type World } from "./access.ts";
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

/** Options of `prune`. */
export interface PruneOptions {
  /** What it may do. */
  readonly limits: PruneLimits;
  /** Only say what would be done. */
  readonly dryRun: boolean;
  /** Empty a repository in which there is no backup any more; else one that has packs is refused then. */
  readonly allowEmpty?: boolean;
  /** Snapshots that count as gone: those that a forget in the same run removes once the prune is planned. */
  readonly without?: ReadonlySet<SnapshotId>;
  /** Snapshots that are known to be there; a listing without one of them is wrong. */
  readonly known?: ReadonlySet<SnapshotId>;
  /** Stops it. */
  readonly signal: AbortSignal;
  /** Told as it gets on. */
  readonly onProgress?: (progress: PruneProgress) => void;
  /** Bytes from which on a fresh pack is full; see `PackWriter`. */
  readonly packBytes?: number;
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
 * `LockedError`, what the store throws, and the signal's reason. Whenever it stops, the repository is whole, and the next
 * prune goes on from there.
 */
export function prune(access: RepositoryAccess, world: World, options: PruneOptions): Promise<PruneResult> {
  const { signal, dryRun } = options;
  const request = { exclusive: !dryRun, retryLockMs: access.retryLockMs, signal };
  return withRepository(access, world, (repository) => {
    return withLock(repository, world, request, async (lock) => {
      return await (await preparePrune(repository, world, lock, options)).finish();
    });
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
 * Plans a prune on an open repository whose lock is held: exclusive unless it is a dry run. Throws what `prune` throws
 * before it changes anything.
 */
export async function preparePrune(
  repository: Repository,
  world: World,
  lock: HeldLock,
  options: PruneOptions,
): Promise<PreparedPrune> {
  // Whoever committed before the lock was known to hold is listed only after it.
  await lock.confirmed;
  const planned = await withoutRemoval(() => planFor(repository, options));
  return {
    async finish(forgotten = 0) {
      const run = { repository, world, lock, options, unchanged: unchangedAfter(forgotten) };
      const applied = options.dryRun ? null : await apply(run, planned);
      return { plan: planned.plan, applied, leftovers: await removeLeftovers(repository, world, options) };
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
async function planFor(repository: Repository, options: PruneOptions): Promise<Planned> {
  const { limits, allowEmpty = false, without, signal, onProgress } = options;
  await refuseMissingFolders(repository.store, ["snapshot", "index", "pack"], signal);
  const progress = (phase: PrunePhase) => (done: number, total: number) => onProgress?.({ phase, done, total });
  const { snapshots, damaged, vanished } = await loadSnapshots(repository.files, signal);
  if (damaged.length > 0) throw damageWithAdvice(damaged[0]!);
  if (!options.dryRun) refuseVanished(vanished);
  refuseOtherSnapshots(snapshots, options);
  const index = await loadPruneIndex(repository.files, { signal, onProgress: progress("indexes") });
  const packs = await listPacks(repository, index, signal);
  if (snapshots.length === 0 && !allowEmpty) refuseEmptying(repository, index, packs);
  const listed = comparePacks(index, packs);
  const remaining = snapshots.filter(({ id }) => !without?.has(id));
  const used = await markUsed({
    repository,
    index,
    isWhole: (pack) => listed.states[pack] === "whole",
    roots: remaining.map(({ snapshot }) => snapshot.tree),
    signal,
    onProgress: progress("trees"),
  });
  const use = usePacks(index, listed, used);
  const plan = planPrune(use.packs, listed.unindexed, limits);
  return { index, use, plan, snapshots: remaining.map(({ id }) => id) };
}

/** One that the listing left out would count as lost, and for lack of it a damaged copy of its blobs might be kept. */
async function listPacks({ store }: Repository, index: PruneIndex, signal: AbortSignal): Promise<ListedFile[]> {
  const listed = await Array.fromAsync(store.list("pack", { signal }));
  const names = new Set(listed.map(({ name }) => name));
  const missing = Array.from({ length: index.packCount }, (_, pack) => index.packId(pack))
    .filter((name) => !names.has(name));
  return [...listed, ...await findUnlisted(store, missing, signal)];
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

interface PruneRun {
  readonly repository: Repository;
  readonly world: World;
  readonly lock: HeldLock;
  readonly options: PruneOptions;
  /** What to say where it stops before it changes anything. */
  readonly unchanged: string;
}

async function apply(
  { repository, world, lock, options, unchanged }: PruneRun,
  planned: Planned,
): Promise<AppliedPrune> {
  const { signal, onProgress, packBytes = packBytesFor(world, repository.store.uploads) } = options;
  const { index, use, plan, snapshots } = planned;
  const lastCopies = findLastCopies(index, use.isKept, plan);
  // Threads cost a tenth of a second and some 50 MB, which a prune that reads no blobs can do without.
  const verifier = plan.repack.length + lastCopies.packs.length > 0
    ? await startVerifier(repository, world)
    : NO_VERIFIER;
  try {
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
      confirmHeld: (how) => lock.confirmHeld(how),
      signal,
      onProgress: (phase, done, total) => onProgress?.({ phase, done, total }),
      packBytes,
    });
  } finally {
    verifier.stop();
  }
}

/** No put takes a day to write one file. */
const LEFTOVER_AGE_MS = 24 * 60 * 60 * 1000;

async function removeLeftovers(
  { store }: Repository,
  { clock }: World,
  { dryRun, signal }: PruneOptions,
): Promise<Leftovers> {
  const olderThan = new Date(clock.now().getTime() - LEFTOVER_AGE_MS);
  return await store.removeLeftovers?.({ olderThan, dryRun, signal }) ?? { files: 0, bytes: 0 };
}

/** What the snapshots need that a listing leaves out would be removed. */
function refuseOtherSnapshots(snapshots: readonly StoredSnapshot[], options: PruneOptions): void {
  const missing = options.known?.difference(new Set(snapshots.map(({ id }) => id))).size ?? 0;
  if (missing === 0) return;
  throw new StoreError(
    `Cannot prune: the store lists other snapshots than a moment ago, ${missing} are missing; ` +
      "nothing was removed; run it again later",
  );
}

/** Snapshots that are not there, on a half-made copy of a repository say, look just like backups that are forgotten. */
function refuseEmptying({ store }: Repository, index: PruneIndex, packs: readonly ListedFile[]): void {
  const count = Math.max(index.packCount, packs.length);
  if (count === 0) return;
  throw new UsageError(
    `Refusing to prune: there are ${count} packs in ${store.location} and no backup at all, as if its snapshots were missing; ` +
      "if all backups really are to be gone, say --allow-empty",
  );
}
