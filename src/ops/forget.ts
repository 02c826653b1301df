/**
 * Forget, rotate and rm: which backups go, as a plan with reasons, and their removal. Only snapshots are removed; what they
 * alone used is freed by a prune. Every backup stands alone, so whatever is left restores.
 */
import { mapConcurrently } from "../base/concurrency.ts";
import { DeniedError, IntegrityError, messageOf, UsageError } from "../base/errors.ts";
import { shortId } from "../base/id.ts";
import { type Backup, backupOf } from "../backup/backup.ts";
import { withRewritten } from "../backup/rewritten.ts";
import { parseSelector, selectBackup } from "../backup/selector.ts";
import { timestampOffsetMinutes, timestampToNanoseconds } from "../format/time.ts";
import {
  applyPolicy,
  hasTags,
  isEmptyPolicy,
  type Judgement,
  type KeepRules,
  newestFirstOf,
} from "../policy/retention.ts";
import {
  DEFAULT_GROUPING,
  type GroupWord,
  LAST_GOOD_REASON,
  type PlannedBackup,
  planRetention,
  type RetentionGroup,
} from "../policy/retention_plan.ts";
import { applyRotation, type Rotation } from "../policy/retention_rotation.ts";
import { loadIndex } from "../repository/index_files.ts";
import type { HeldLock } from "../repository/locks.ts";
import type { Repository } from "../repository/repository.ts";
import { type DamagedSnapshot, loadSnapshots } from "../repository/snapshots.ts";
import { type RepositoryAccess, withLock, withoutAbortReason, withRepository, type World } from "./access.ts";

/** Which backups a policy is about; what is absent does not matter. */
export interface RetentionFilter {
  /** One of these. */
  readonly hosts?: readonly string[];
  /** One of these series, or one below it. */
  readonly series?: readonly string[];
  /** All of these, as restic has it. */
  readonly paths?: readonly string[];
  /** All tags of one of these lists; the list `[""]` means backups without tags. */
  readonly tags?: readonly (readonly string[])[];
}

/** What is asked for. */
export type RetentionRequest =
  | {
    readonly kind: "policy";
    readonly rules: KeepRules;
    readonly filter: RetentionFilter;
    /** restic's host and paths where it is absent. */
    readonly groupBy?: readonly GroupWord[];
  }
  | {
    readonly kind: "rotation";
    readonly series: string;
    readonly hosts?: readonly string[];
    readonly rotation: Rotation;
  }
  /** Exactly these, by `SERIES@SELECTOR` or `@ID`. */
  | { readonly kind: "backups"; readonly selectors: readonly string[] };

/** How to go about it. */
export interface ForgetOptions {
  /** Only plan; takes no lock. */
  readonly dryRun?: boolean;
  /** Lets the last good backup of a series go. */
  readonly allowLast?: boolean;
  readonly signal?: AbortSignal;
}

/** A backup in a plan. */
export interface RetentionBackup extends PlannedBackup {
  readonly backup: Backup;
}

/** What is done or, in a dry run, would be. */
export interface ForgetResult {
  readonly groups: readonly RetentionGroup<RetentionBackup>[];
  /** Snapshots that cannot be read: they count for nothing and are never removed. */
  readonly damaged: readonly DamagedSnapshot[];
}

/**
 * Plans and, unless it is a dry run, removes under an exclusive lock, oldest first. Throws `UsageError` for a policy that
 * keeps nothing and for a last good backup that is named, before anything is removed; `DeniedError` where the store does
 * not let files be removed. What fails or is interrupted halfway leaves the other backups as they were.
 */
export async function forget(
  access: RepositoryAccess,
  request: RetentionRequest,
  world: World,
  options: ForgetOptions = {},
): Promise<ForgetResult> {
  refuseEmptyPolicy(request);
  const { signal } = options;
  return await withRepository(access, world, async (repository) => {
    if (options.dryRun) return await plan(repository, request, world, options);
    const lockRequest = { exclusive: true, retryLockMs: access.retryLockMs, ...signal ? { signal } : {} };
    return await withLock(repository, world, lockRequest, async (lock) => {
      await lock.confirmed;
      const result = await plan(repository, request, world, options);
      await removeAll(repository, lock, result.groups.flatMap(({ remove }) => remove), signal);
      return result;
    });
  });
}

function refuseEmptyPolicy(request: RetentionRequest): void {
  const isEmpty = request.kind === "policy" && isEmptyPolicy(request.rules) ||
    request.kind === "rotation" && request.rotation.days + request.rotation.weeks + request.rotation.months === 0;
  if (isEmpty) throw new UsageError("This policy keeps nothing: say what to keep, for example --keep-daily 7");
}

async function plan(
  repository: Repository,
  request: RetentionRequest,
  world: World,
  { allowLast = false, signal }: ForgetOptions,
): Promise<ForgetResult> {
  const { snapshots, damaged } = await loadSnapshots(repository.files, signal);
  const all = (await withSummaries(snapshots.map(backupOf), request, repository)).map(candidateOf);
  const now = world.clock.now();
  const groups = planRetention(all, selectedBy(request, all, damaged), {
    judge: (group) => judge(group, request, now),
    groupBy: request.kind === "policy" && request.groupBy ? request.groupBy : DEFAULT_GROUPING,
    allowLast,
    now,
  });
  if (!allowLast) { for (const group of groups) refuseGroup(group, request); }
  return { groups, damaged };
}

/** Ids and run types of backups that restic rewrote lie in their manifests, which are read where those matter. */
function withSummaries(backups: readonly Backup[], request: RetentionRequest, repository: Repository) {
  const needsThem = request.kind === "backups" || (request.kind === "policy" && request.rules.runTypes !== undefined);
  if (!needsThem) return backups;
  return withRewritten(
    backups,
    async () => ({ ...repository, index: await loadIndex(repository.files, { dataPlaces: true }) }),
  );
}

function candidateOf(backup: Backup): RetentionBackup {
  const { snapshot, snapshotId, series, host, info } = backup;
  return {
    id: snapshotId,
    time: { nanoseconds: timestampToNanoseconds(snapshot.time), offsetMinutes: timestampOffsetMinutes(snapshot.time) },
    tags: snapshot.tags,
    runType: info?.runType ?? null,
    series,
    host,
    paths: snapshot.paths,
    isGood: info?.complete !== false,
    backup,
  };
}

function selectedBy(
  request: RetentionRequest,
  all: readonly RetentionBackup[],
  damaged: readonly DamagedSnapshot[],
): RetentionBackup[] {
  switch (request.kind) {
    case "policy":
      return all.filter((candidate) => fits(candidate, request.filter));
    case "rotation": {
      const { series, hosts } = request;
      const fitting = all.filter((backup) => backup.series === series && (hosts?.includes(backup.host) ?? true));
      if (fitting.length === 0) {
        throw new UsageError(`There is no backup of "${series}" to rotate; "agent ls" shows them`);
      }
      return fitting;
    }
    case "backups":
      return namedBy(request.selectors, all, damaged);
  }
}

function fits({ host, series, paths, tags }: RetentionBackup, filter: RetentionFilter): boolean {
  return (filter.hosts === undefined || filter.hosts.includes(host)) &&
    (filter.series === undefined || filter.series.some((name) => series === name || series.startsWith(`${name}/`))) &&
    (filter.paths ?? []).every((path) => paths.includes(path)) &&
    (filter.tags === undefined || filter.tags.some((wanted) => hasTags(tags, wanted)));
}

function namedBy(
  selectors: readonly string[],
  all: readonly RetentionBackup[],
  damaged: readonly DamagedSnapshot[],
): RetentionBackup[] {
  const backups = all.map(({ backup }) => backup);
  const named = new Set(selectors.map((text) => {
    const selector = parseSelector(text);
    refuseDamaged(selector.pick, damaged);
    return selectBackup(backups, selector, text);
  }));
  return all.filter(({ backup }) => named.has(backup));
}

function refuseDamaged(pick: ReturnType<typeof parseSelector>["pick"], damaged: readonly DamagedSnapshot[]): void {
  if (pick.kind !== "id") return;
  const found = damaged.find(({ id }) => id.startsWith(pick.prefix));
  if (found === undefined) return;
  throw new IntegrityError(
    `Snapshot ${shortId(found.id)} cannot be read, so nobody can tell what would be lost: ${found.error.message}`,
    { cause: found.error },
  );
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

/** An age speaks of series that ended, too; all other rules keep something unless they are mistaken. */
function refuseGroup(group: RetentionGroup<RetentionBackup>, request: RetentionRequest): void {
  const spared = group.reasons.find(({ matches }) => matches[0] === LAST_GOOD_REASON)?.backup.backup;
  if (request.kind === "backups" && spared !== undefined) {
    throw new UsageError(
      `${shortId(spared.id)} is the last good backup of "${spared.series}" on ${spared.host}: --allow-last removes it`,
    );
  }
  if (request.kind !== "policy" || !group.policyKeepsNothing || request.rules.notOlderThan !== undefined) return;
  throw new UsageError(`This policy keeps nothing of ${nameOf(group)}: change it, or allow that with --allow-last`);
}

function nameOf({ host, series, paths, tags }: RetentionGroup<RetentionBackup>): string {
  const words = [
    series === null ? paths?.join(", ") : `"${series}"`,
    host === null ? undefined : `on ${host}`,
    tags === null ? undefined : `with tags [${tags.join(", ")}]`,
  ];
  return words.filter((word) => word !== undefined).join(" ") || "the repository";
}

/** Oldest first, so that what an interruption leaves is close to what a shorter run would have left. */
async function removeAll(
  { files, store }: Repository,
  lock: HeldLock,
  backups: readonly RetentionBackup[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const oldestFirst = newestFirstOf(backups).reverse();
  let removed = 0;
  try {
    await mapConcurrently(oldestFirst, store.connections, async ({ backup }) => {
      lock.assertHeld();
      await files.remove("snapshot", backup.snapshotId, signal ? { signal } : {});
      removed++;
    });
  } catch (error) {
    if (!(error instanceof DeniedError)) throw signal ? withoutAbortReason(error, signal) : error;
    throw new DeniedError(
      `Cannot remove backups from ${store.location}, ${removed} of ${oldestFirst.length} are gone: run retention where ` +
        `deletions are allowed, for example on the server itself (${messageOf(error)})`,
      { cause: error },
    );
  }
}
