/**
 * Forget, rotate and rm: plan which backups to remove, with reasons, and remove them. Only snapshots are removed. A
 * prune frees the data that they alone used, in the same run if requested. Every backup can be restored alone, so all
 * remaining backups still restore.
 */
import { mapConcurrently } from "../base/concurrency.ts";
import { DeniedError, type IntegrityError, messageOf, UsageError } from "../base/errors.ts";
import { shortId, type SnapshotId } from "../base/id.ts";
import { loadBackups } from "../backup/load_backups.ts";
import { lastToStay } from "../policy/retention/last_to_stay.ts";
import {
  applyPolicy,
  isBackupInFuture,
  isEmptyPolicy,
  type Judgement,
  newestFirstOf,
} from "../policy/retention/retention.ts";
import { momentOf } from "../policy/retention/calendar.ts";
import { type Burst, burstsOf } from "../policy/retention/retention_burst.ts";
import {
  DEFAULT_GROUPING,
  isOnHold,
  LAST_GOOD_REASON,
  planRetention,
  type RetentionGroup,
} from "../policy/retention/retention_plan.ts";
import { applyRotation, isEmptyRotation } from "../policy/retention/retention_rotation.ts";
import { haveSameSeriesAndHost, seriesAndHostKey } from "../policy/series_and_host.ts";
import { confirmListed } from "../repository/confirm_listing.ts";
import { type LockedRepository, readingFrom, type Repository } from "../repository/repository.ts";
import type { DamagedSnapshot } from "../repository/snapshots.ts";
import { withFreshReads } from "../store/fresh.ts";
import { type GatedOptions, openAccess, passGate, type RepositoryAccess, useCase } from "./access.ts";
import {
  candidatesOf,
  keysLeftOutBy,
  type RetentionBackup,
  type RetentionRequest,
  selectedBy,
} from "../maintain/retention/forget_selection.ts";
import { planVerdicts, withoutVerdictSeries } from "../maintain/retention/forget_verdicts.ts";
import { mayBeSelected, unreadableError } from "../maintain/retention/forget_unreadable.ts";
import { type PreparedPrune, preparePrune, type PruneOptions, type PruneRequest, type PruneResult } from "./prune.ts";
import { wholeIndexOnDemand } from "../backup/whole_index.ts";

export type { RetentionBackup, RetentionFilter, RetentionRequest } from "../maintain/retention/forget_selection.ts";

const NOTHING_REMOVED = "nothing was removed";

/** How to run a forget. */
export interface ForgetOptions extends GatedOptions {
  /** Only plan. Takes no lock, or a shared one for the dry run of a prune. */
  readonly dryRun?: boolean;
  /** Allow the removal of the newest backup and of the last good backup of a series. */
  readonly allowLast?: boolean;
  /** Continue despite snapshots that cannot be read, whose series is unknown. They are never removed. */
  readonly skipUnreadable?: boolean;
  /** Prune under the same lock if backups were removed or, in a dry run, would be. */
  readonly prune?: Pick<PruneRequest, "limits" | "packBytes"> & Pick<PruneOptions, "onProgress">;
  /**
   * Called with what was or would be removed before a prune begins, because the backups are gone even if the prune
   * fails.
   */
  readonly onForgotten?: (forgotten: Forgotten) => void | Promise<void>;
}

/** What is forgotten or, in a dry run, would be. */
export interface Forgotten {
  /** The plan, with a group for each series or other grouping. */
  readonly groups: readonly RetentionGroup<RetentionBackup>[];
  /** Snapshots that cannot be read. They are ignored by the policy and never removed. */
  readonly damaged: readonly DamagedSnapshot[];
  /** The error that a real run would throw instead of removing anything; null if none. */
  readonly refusal: IntegrityError | null;
  /** How many keys with values a policy left out, because it names no series. */
  readonly keysLeftOut: number;
  /** Bursts of backups that a policy may count, though they were probably not meant as backups. */
  readonly bursts: readonly Burst[];
}

/** What is done or, in a dry run, would be. */
export interface ForgetResult extends Forgotten {
  /** Null if no prune was requested, no backup was removed, or a snapshot cannot be read: its needs are unknown. */
  readonly pruned: PruneResult | null;
}

/**
 * Plans a removal and, unless it is a dry run, removes the backups under a lock, oldest first; then prunes if
 * requested.
 *
 * The lock is exclusive, except for named backups of which none is the newest good one of its series: a shared lock,
 * beside puts, gets and other removals, is enough for them.
 *
 * Before anything is removed, it throws `UsageError` for a policy that keeps nothing and for a named backup that is on
 * hold or the last good one; `IntegrityError` if a selector, a policy or a prune may concern a snapshot that cannot be
 * read; `StoreError` if the store contradicts itself about which snapshots exist; and `LockedError`. Throws
 * `DeniedError` if the store forbids removals, and what a prune throws. A failure or an interruption halfway leaves the
 * other backups unchanged.
 */
export async function forget(
  access: RepositoryAccess,
  request: RetentionRequest,
  options: ForgetOptions,
): Promise<ForgetResult> {
  refuseEmptyPolicy(request);
  const { dryRun = false, prune } = options;
  return await useCase(options, async (signal) => {
    await using repository = await openAccess(access, options);
    const run = { ...options, dryRun, signal };
    const underLock = async <T>(exclusive: boolean, work: (locked: LockedRepository) => Promise<T>) => {
      await using lock = await repository.lock({ exclusive, signal });
      return await work(await lock.confirmed);
    };
    if (dryRun && prune === undefined) {
      const { forgotten } = await plan(repository, request, { ...run, isAlone: false });
      await run.onForgotten?.(forgotten);
      return { ...forgotten, pruned: null };
    }
    if (dryRun || prune !== undefined || request.kind !== "backups") {
      return await underLock(!dryRun, (locked) => forgetUnderLock(locked, request, run));
    }
    const beside = await underLock(false, (locked) => removeBeside(locked, request, run));
    if ("forgotten" in beside) return { ...beside.forgotten, pruned: null };
    return await underLock(true, (locked) => forgetUnderLock(locked, beside.wanted, run));
  });
}

/** The options of one run. */
interface ForgetRun extends ForgetOptions {
  readonly dryRun: boolean;
  readonly signal: AbortSignal;
}

/**
 * Removes named backups under a shared lock. If one of them is the last one that must stay of its series, it removes
 * nothing and asks for a run under an exclusive lock, which decides again. The request for that names the backups by
 * id, so that "latest" cannot mean a backup that was added meanwhile.
 */
async function removeBeside(
  repository: LockedRepository,
  request: RetentionRequest,
  run: ForgetRun,
): Promise<{ readonly forgotten: Forgotten } | { readonly wanted: RetentionRequest }> {
  const { world, onForgotten, signal } = run;
  const { forgotten, all, now } = await plan(repository, request, { ...run, isAlone: false });
  const going = forgotten.groups.flatMap(({ remove }) => remove);
  const staying = lastToStay(all, now);
  if (going.some((backup) => staying.has(backup))) {
    return { wanted: { kind: "backups", selectors: going.map(({ backup }) => `@${backup.snapshotId}`) } };
  }
  const names = [...staying].filter((last) => going.some((backup) => haveSameSeriesAndHost(backup, last)))
    .map(({ backup }) => backup.snapshotId);
  await passGate(run, signal);
  const confirmTools = { files: repository.files, clock: world.clock, signal };
  await confirmListed(confirmTools, { kind: "snapshot", names, withOthers: true }, NOTHING_REMOVED);
  await removeAll(repository, going, signal);
  await onForgotten?.(forgotten);
  return { forgotten };
}

/** The lock is exclusive unless this is a dry run. */
async function forgetUnderLock(
  repository: LockedRepository,
  request: RetentionRequest,
  run: ForgetRun,
): Promise<ForgetResult> {
  const { world, dryRun, onForgotten, signal } = run;
  const { forgotten, ids } = await plan(repository, request, { ...run, isAlone: !dryRun });
  if (!dryRun && forgotten.refusal !== null) throw forgotten.refusal;
  const going = forgotten.groups.flatMap(({ remove }) => remove);
  const isPruned = run.prune !== undefined && going.length > 0 && forgotten.damaged.length === 0;
  // The prune is planned first, so that any obstacle is found while all backups still exist.
  const prepared = isPruned ? await prepare(repository, run, { going, ids }) : null;
  if (!dryRun) await passGate(run, signal);
  if (!dryRun && going.length > 0) {
    const confirmTools = { files: repository.files, clock: world.clock, signal };
    await confirmListed(confirmTools, { kind: "snapshot", names: ids }, NOTHING_REMOVED);
    await removeAll(repository, going, signal);
  }
  await onForgotten?.(forgotten);
  return { ...forgotten, pruned: await prepared?.finish(dryRun ? 0 : going.length) ?? null };
}

interface Removal {
  readonly going: readonly RetentionBackup[];
  /** All existing snapshots. */
  readonly ids: ReadonlySet<SnapshotId>;
}

/** Plans the prune that follows. If all backups are removed, that is intended. */
function prepare(
  repository: LockedRepository,
  { world, dryRun, prune, signal }: ForgetRun,
  { going, ids }: Removal,
): Promise<PreparedPrune> {
  const without = new Set(going.map(({ backup }) => backup.snapshotId));
  return preparePrune(repository, { ...prune!, world, dryRun, without, known: ids, signal });
}

function refuseEmptyPolicy(request: RetentionRequest): void {
  const advice = exampleIfEmpty(request);
  if (advice !== null) throw new UsageError(`This policy keeps nothing: say what to keep, for example ${advice}`);
}

/** Example options for a policy if the request has none; null if it has one or needs none. */
function exampleIfEmpty(request: RetentionRequest): string | null {
  if (request.kind === "policy") return isEmptyPolicy(request.rules) ? "--keep-daily 7" : null;
  if (request.kind === "backups") return null;
  return isEmptyRotation(request.rotation) ? "--days 7" : null;
}

interface PlanOptions extends ForgetRun {
  /** Whether the lock excludes removals by others. */
  readonly isAlone: boolean;
}

interface Planned {
  readonly forgotten: Forgotten;
  /** Without verdicts of restores on trial. */
  readonly all: readonly RetentionBackup[];
  /** All snapshots, including those that cannot be read. */
  readonly ids: ReadonlySet<SnapshotId>;
  readonly now: Date;
}

async function plan(
  repository: Repository,
  request: RetentionRequest,
  { world, allowLast = false, skipUnreadable = false, prune, isAlone, signal }: PlanOptions,
): Promise<Planned> {
  // A cached copy may be whole although the snapshot in the store is damaged. It must not count as good.
  const { files } = readingFrom(repository, withFreshReads(repository.store));
  const { backups, damaged } = await loadBackups(files, {
    rewritten: wholeIndexOnDemand(repository),
    damaged: "reported",
    vanished: isAlone ? "refused" : "forgotten",
    signal,
  });
  const candidates = candidatesOf(backups);
  const all = withoutVerdictSeries(candidates);
  const now = world.clock.now();
  const selected = selectedBy(request, candidates, damaged);
  const isPolicy = request.kind !== "backups";
  if (!isPolicy) refuseHeld(selected);
  const judged = planRetention(all, selected, {
    judge: (group) => judge(group, request, now),
    isPolicy,
    groupBy: request.kind === "policy" && request.groupBy ? request.groupBy : DEFAULT_GROUPING,
    allowLast,
    now,
  });
  if (!allowLast) { for (const group of judged) refuseGroup(group, { request, all, now }); }
  const going = new Set(judged.flatMap(({ remove }) => remove));
  const groups = [...judged, ...planVerdicts(candidates, { request, going, isComplete: damaged.length === 0 })];
  const isPruned = prune !== undefined && groups.some(({ remove }) => remove.length > 0);
  const doubtful = isPolicy && !skipUnreadable ? mayBeSelected(damaged, selected, all) : [];
  const refusal = unreadableError(doubtful, UNREADABLE_ADVICE) ??
    (isPruned ? unreadableError(damaged, "may need what a prune would free: run it without --prune") : null);
  const bursts = isPolicy ? burstsAmong(selected, all, now) : [];
  const ids = new Set([...backups.map(({ snapshotId }) => snapshotId), ...damaged.map(({ id }) => id)]);
  const keysLeftOut = keysLeftOutBy(request, all);
  return { forgotten: { groups, damaged, refusal, keysLeftOut, bursts }, all, ids, now };
}

const UNREADABLE_ADVICE =
  'may be of these series: "agent check" tells more, "agent repair snapshots --forget" removes ' +
  "what cannot be saved, and --skip-unreadable goes on without it";

/** The bursts among all backups of the selected series and hosts. */
function burstsAmong(selected: readonly RetentionBackup[], all: readonly RetentionBackup[], now: Date): Burst[] {
  const places = new Set(selected.map(seriesAndHostKey));
  const candidates = all.filter((backup) => places.has(seriesAndHostKey(backup)) && !isBackupInFuture(backup, now));
  return burstsOf(
    candidates.map(({ series, host, time, backup: { info } }) => {
      return {
        series,
        host,
        time,
        level: info?.level ?? null,
        base: info === null ? null : info.base ?? info.manifest,
      };
    }),
    momentOf(now),
  );
}

function refuseHeld(named: readonly RetentionBackup[]): void {
  const held = named.find(isOnHold)?.backup;
  if (held === undefined) return;
  const name = `${held.series}@${shortId(held.id)}`;
  throw new UsageError(`${name} is on hold: "agent release ${name}" releases it, then it can be removed`);
}

function judge(group: readonly RetentionBackup[], request: RetentionRequest, now: Date): Judgement<RetentionBackup>[] {
  switch (request.kind) {
    case "policy":
      return applyPolicy(group, request.rules, now);
    case "rotation":
      return applyRotation(group, request.rotation, now);
    case "backups":
      return group.map((backup) => ({ backup, matches: [], counters: {} }));
  }
}

interface GroupContext {
  readonly request: RetentionRequest;
  readonly all: readonly RetentionBackup[];
  readonly now: Date;
}

/**
 * Refuses to remove a named last good backup, and a policy that keeps nothing. A maximum age may keep nothing, because
 * a series may have ended; any other policy that does so is probably a mistake.
 */
function refuseGroup(group: RetentionGroup<RetentionBackup>, context: GroupContext): void {
  const { request } = context;
  const spared = group.reasons.find(({ matches }) => matches[0] === LAST_GOOD_REASON)?.backup;
  if (request.kind === "backups" && spared !== undefined) throw new UsageError(lastGoodMessage(spared, context));
  if (request.kind !== "policy" || !group.policyKeepsNothing || request.rules.notOlderThan !== undefined) return;
  throw new UsageError(`This policy keeps nothing of ${nameOf(group)}: change it, or allow that with --allow-last`);
}

function lastGoodMessage({ backup, series, host }: RetentionBackup, { all, now }: GroupContext): string {
  const isAhead = all.some((other) => {
    return other.backup !== backup && haveSameSeriesAndHost(other, { series, host }) && isBackupInFuture(other, now);
  });
  const others = isAhead ? ", apart from backups that claim to be from the future" : "";
  return `${shortId(backup.id)} is the last good backup of "${series}" on ${host}${others}: --allow-last removes it`;
}

function nameOf({ host, series, paths, tags }: RetentionGroup<RetentionBackup>): string {
  const words = [
    series === null ? paths?.join(", ") : `"${series}"`,
    host === null ? undefined : `on ${host}`,
    tags === null ? undefined : `with tags [${tags.join(", ")}]`,
  ];
  return words.filter((word) => word !== undefined).join(" ") || "the repository";
}

/** Removes oldest first, so that an interruption leaves about what a shorter run would have left. */
async function removeAll(
  { files, store }: LockedRepository,
  backups: readonly RetentionBackup[],
  signal: AbortSignal,
): Promise<void> {
  const oldestFirst = newestFirstOf(backups).reverse();
  let removed = 0;
  try {
    await mapConcurrently(oldestFirst, store.connections, async ({ backup }) => {
      await files.remove("snapshot", backup.snapshotId, { signal });
      removed++;
    });
  } catch (error) {
    if (!(error instanceof DeniedError)) throw error;
    throw new DeniedError(
      `Cannot remove backups from ${store.location}, ${removed} of ${oldestFirst.length} are gone: run retention where ` +
        `deletions are allowed, for example on the server itself (${messageOf(error)})`,
      { cause: error },
    );
  }
}
