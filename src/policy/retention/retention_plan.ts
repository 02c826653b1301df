/**
 * The plan of a retention run: the groups, which backups of each are kept and why, and which are removed. Nothing here
 * touches a repository: a dry run prints the plan, a real one carries it out.
 */
import { goodOf, type Health } from "../good_backup.ts";
import {
  FUTURE_REASON,
  isBackupInFuture,
  type Judgement,
  newestFirstOf,
  type RetentionCandidate,
} from "./retention.ts";

/** The facts about a backup that the plan needs beyond those of the rules. */
export interface PlannedBackup extends RetentionCandidate {
  /** Its series. */
  readonly series: string;
  /** Its host. */
  readonly host: string;
  /** The paths of its snapshot. */
  readonly paths: readonly string[];
  /** Whether it can be relied on. */
  readonly health: Health;
  /**
   * Whether its streams are much smaller than those before. That may be a mistake until a second backup confirms it.
   */
  readonly shrunk: boolean;
  /** Whether its last restore on trial failed. */
  readonly failedTrial?: boolean;
}

/**
 * What the members of a group have in common. `series` comes from the paths, so for our backups both give the same
 * groups.
 */
export const GROUP_WORDS = ["host", "series", "paths", "tags"] as const;
/** One of `GROUP_WORDS`. */
export type GroupWord = (typeof GROUP_WORDS)[number];

/** restic's default. */
export const DEFAULT_GROUPING: readonly GroupWord[] = ["host", "paths"];

/** One group of the plan; both lists are newest first. A field is null if the members differ in it. */
export interface RetentionGroup<T> {
  /** The host of its members. */
  readonly host: string | null;
  /** The series of its members. */
  readonly series: string | null;
  /** The paths of their snapshots. */
  readonly paths: readonly string[] | null;
  /** The tags of its members. */
  readonly tags: readonly string[] | null;
  /** The backups that are kept. */
  readonly keep: readonly T[];
  /** The backups that are removed. */
  readonly remove: readonly T[];
  /** One judgement for each backup that is kept, in the same order. */
  readonly reasons: readonly Judgement<T>[];
  /** The members that claim to be from the future, newest first: some machine's clock is wrong. */
  readonly inFuture: readonly T[];
  /** Whether the rules of the policy keep nothing of the group. Members may still be kept for other reasons. */
  readonly policyKeepsNothing: boolean;
}

/** How to plan. */
interface PlanOptions<T> {
  /** Judges one group. A policy is not given the backups from the future. */
  readonly judge: (group: readonly T[]) => readonly Judgement<T>[];
  /** Whether a policy chooses what is removed; otherwise the user named the backups. */
  readonly isPolicy: boolean;
  readonly groupBy: readonly GroupWord[];
  /** Whether the newest and the last good backup of a series may be removed. */
  readonly allowLast: boolean;
  readonly now: Date;
}

/** The tag of backups that no policy removes. */
export const HOLD_TAG = "hold";

/** Reasons to keep a backup that the policy would remove. */
export const LAST_GOOD_REASON = "last good backup";
const NEWEST_REASON = "newest backup of the series";
const UNSHRUNK_REASON = "last good backup before the series shrank";
const UNFAILED_REASON = "last good backup that failed no restore on trial";
const HOLD_REASON = "on hold";

/**
 * Plans what happens to the `selected` backups. If a series on a host would have no good backup left among `all`, the
 * newest good one to be removed stays. Policies also keep the newest good backup and the newest backup of each series
 * and host and, until a second backup confirms that the series shrank, the last good one before it did. If the newest
 * good backup failed its restore on trial, they keep the newest one that did not. `allowLast` lifts all of this. Policies
 * always keep backups that are on hold or claim to be from the future; no rule counts the latter. Groups are in the order
 * of host, paths and tags.
 */
export function planRetention<T extends PlannedBackup>(
  all: readonly T[],
  selected: readonly T[],
  options: PlanOptions<T>,
): RetentionGroup<T>[] {
  const judged = groupsOf(selected, options.groupBy).map((members) => judgeGroup(members, options));
  const going = new Set(
    judged.flatMap(({ judgements }) => judgements).filter(({ matches }) => matches.length === 0)
      .map(({ backup }) => backup),
  );
  const spared = options.allowLast ? new Map<T, string>() : sparedOf(all, going, options);
  return judged.map((group) => planGroup(group, spared, options));
}

/** The judgements on the members of a group, newest first. */
interface JudgedGroup<T> {
  readonly judgements: readonly Judgement<T>[];
  readonly policyKeepsNothing: boolean;
}

function judgeGroup<T extends PlannedBackup>(members: readonly T[], options: PlanOptions<T>): JudgedGroup<T> {
  const { judge, isPolicy, now } = options;
  const isAhead = (backup: T) => isPolicy && isBackupInFuture(backup, now);
  const judged = judge(members.filter((backup) => !isAhead(backup)));
  const ahead = newestFirstOf(members.filter(isAhead));
  const judgements = [
    ...ahead.map((backup) => ({ backup, matches: [FUTURE_REASON], counters: {} })),
    ...judged,
  ].map((judgement) => isPolicy && isOnHold(judgement.backup) ? withReason(judgement, HOLD_REASON) : judgement);
  const policyKeepsNothing = judged.length > 0 && judged.every(({ matches }) => matches.length === 0);
  return { judgements, policyKeepsNothing };
}

function withReason<T>(judgement: Judgement<T>, reason: string): Judgement<T> {
  return { ...judgement, matches: [...judgement.matches, reason] };
}

/** Whether a backup has the tag that keeps policies from removing it. */
export function isOnHold({ tags }: RetentionCandidate): boolean {
  return tags.includes(HOLD_TAG);
}

/**
 * The backups of each series and host that stay although no rule keeps them, and why. Backups from the future count
 * only if there are no others: if a clock was once ahead, the real backups must not be removed in favour of one that
 * claims to be newer.
 */
function sparedOf<T extends PlannedBackup>(
  all: readonly T[],
  going: ReadonlySet<T>,
  { isPolicy, now }: PlanOptions<T>,
): Map<T, string> {
  const spared = new Map<T, string>();
  const isInFuture = (backup: T) => isBackupInFuture(backup, now);
  const realOf = (backups: readonly T[]) => {
    const real = backups.filter((backup) => !isInFuture(backup));
    return real.length > 0 ? real : backups;
  };
  for (const members of groupsOf(all, ["host", "series"])) {
    const newestFirst = newestFirstOf(members);
    const good = realOf(goodOf(newestFirst, { healthOf: ({ health }) => health, isInFuture }));
    if (isPolicy && good[0]?.shrunk) {
      const unshrunk = good.find(({ shrunk }) => !shrunk);
      if (unshrunk !== undefined && going.has(unshrunk)) spared.set(unshrunk, UNSHRUNK_REASON);
    }
    if (isPolicy && good[0]?.failedTrial) {
      const unfailed = good.find(({ failedTrial = false }) => !failedTrial);
      if (unfailed !== undefined && going.has(unfailed)) spared.set(unfailed, UNFAILED_REASON);
    }
    const [newest] = realOf(newestFirst);
    if (isPolicy && going.has(newest!)) spared.set(newest!, NEWEST_REASON);
    // Rules also count backups that are not good, so an older good one may be kept while the newest good one is
    // removed.
    const goes = (backup: T) => going.has(backup) && spared.get(backup) !== NEWEST_REASON;
    const isLost = isPolicy ? good.slice(0, 1).some(goes) : good.every(goes);
    if (good[0] !== undefined && isLost) spared.set(good[0], LAST_GOOD_REASON);
  }
  return spared;
}

function planGroup<T extends PlannedBackup>(
  { judgements, policyKeepsNothing }: JudgedGroup<T>,
  spared: ReadonlyMap<T, string>,
  { groupBy, now }: PlanOptions<T>,
): RetentionGroup<T> {
  const reasons = judgements.map((judgement) => {
    const reason = spared.get(judgement.backup);
    return reason === undefined ? judgement : withReason(judgement, reason);
  }).filter(({ matches }) => matches.length > 0);
  const keep = reasons.map(({ backup }) => backup);
  const kept = new Set(keep);
  const members = judgements.map(({ backup }) => backup);
  const { host, paths, tags } = keyOf(members[0]!, groupBy);
  return {
    host,
    series: members.every(({ series }) => series === members[0]!.series) ? members[0]!.series : null,
    paths,
    tags,
    keep,
    remove: members.filter((backup) => !kept.has(backup)),
    reasons,
    inFuture: members.filter((backup) => isBackupInFuture(backup, now)),
    policyKeepsNothing,
  };
}

/** The members of each group, in the order of the groups' keys. */
function groupsOf<T extends PlannedBackup>(backups: readonly T[], groupBy: readonly GroupWord[]): T[][] {
  const groups = new Map<string, T[]>();
  for (const backup of backups) {
    const key = JSON.stringify(keyOf(backup, groupBy));
    const members = groups.get(key);
    if (members) members.push(backup);
    else groups.set(key, [backup]);
  }
  return [...groups].sort(([a], [b]) => a < b ? -1 : 1).map(([, members]) => members);
}

/** Paths and tags are compared as sets. */
function keyOf({ host, series, paths, tags }: PlannedBackup, groupBy: readonly GroupWord[]) {
  return {
    host: groupBy.includes("host") ? host : null,
    series: groupBy.includes("series") ? series : null,
    paths: groupBy.includes("paths") ? [...paths].sort() : null,
    tags: groupBy.includes("tags") ? [...tags].sort() : null,
  };
}
