/**
 * The plan of a retention run: backups in groups, what is kept of each group and why, what goes. Nothing here touches a
 * repository: a dry run prints the plan, a real one removes what it names.
 */
import { type Judgement, liesInFuture, newestFirstOf, type RetentionCandidate } from "./retention.ts";

/** What the plan has to know of a backup, beyond what the rules ask. */
export interface PlannedBackup extends RetentionCandidate {
  readonly series: string;
  readonly host: string;
  readonly paths: readonly string[];
  /** Whether it can stand for its series: nobody found its streams incomplete. */
  readonly isGood: boolean;
}

/** What a group has in common. `series` is that of its paths, so for backups of ours grouping by either is the same. */
export const GROUP_WORDS = ["host", "series", "paths", "tags"] as const;
export type GroupWord = (typeof GROUP_WORDS)[number];

/** restic's. */
export const DEFAULT_GROUPING: readonly GroupWord[] = ["host", "paths"];

/** One group of the plan; both lists newest first. What its members do not have in common is null. */
export interface RetentionGroup<T> {
  readonly host: string | null;
  readonly series: string | null;
  readonly paths: readonly string[] | null;
  readonly tags: readonly string[] | null;
  readonly keep: readonly T[];
  readonly remove: readonly T[];
  /** One for each backup that is kept, in the same order. */
  readonly reasons: readonly Judgement<T>[];
  /** Those of both lists that claim to be made in the future, newest first: a clock was wrong, here or there. */
  readonly inFuture: readonly T[];
  /** The policy keeps nothing of the group; what is kept all the same is the last good backup. */
  readonly policyKeepsNothing: boolean;
}

/** How to plan. */
export interface PlanOptions<T> {
  /** Judges one group. */
  readonly judge: (group: readonly T[]) => readonly Judgement<T>[];
  readonly groupBy: readonly GroupWord[];
  /** Lets the last good backup of a series go. */
  readonly allowLast: boolean;
  readonly now: Date;
}

/** The reason that overrules a policy. */
export const LAST_GOOD_REASON = "last good backup";

/**
 * Plans what happens to the `selected` backups. Where of a series on a host no good backup would be left among `all`, the
 * newest good one that would go stays, unless that is allowed. Groups are in the order of host, paths and tags.
 */
export function planRetention<T extends PlannedBackup>(
  all: readonly T[],
  selected: readonly T[],
  options: PlanOptions<T>,
): RetentionGroup<T>[] {
  const judged = groupsOf(selected, options.groupBy).map((members) => options.judge(members));
  const going = new Set(judged.flat().filter(({ matches }) => matches.length === 0).map(({ backup }) => backup));
  const spared = options.allowLast ? new Set<T>() : lastGood(all, going, options.now);
  return judged.map((judgements) => planGroup(judgements, spared, options));
}

/**
 * The newest good backup of each series and host of which all good ones go. Those of the future count only where there are
 * no others: a clock that once ran ahead must not let the real backups go in favour of one that claims to be newer.
 */
function lastGood<T extends PlannedBackup>(all: readonly T[], going: ReadonlySet<T>, now: Date): Set<T> {
  const spared = new Set<T>();
  for (const members of groupsOf(all, ["host", "series"])) {
    const good = newestFirstOf(members).filter(({ isGood }) => isGood);
    const real = good.filter((backup) => !liesInFuture(backup, now));
    const counted = real.length > 0 ? real : good;
    const [newest] = counted;
    if (newest !== undefined && counted.every((backup) => going.has(backup))) spared.add(newest);
  }
  return spared;
}

function planGroup<T extends PlannedBackup>(
  judgements: readonly Judgement<T>[],
  spared: ReadonlySet<T>,
  { groupBy, now }: PlanOptions<T>,
): RetentionGroup<T> {
  const reasons = judgements.map((judgement) =>
    spared.has(judgement.backup) ? { ...judgement, matches: [LAST_GOOD_REASON] } : judgement
  ).filter(({ matches }) => matches.length > 0);
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
    inFuture: members.filter((backup) => liesInFuture(backup, now)),
    policyKeepsNothing: judgements.every(({ matches }) => matches.length === 0),
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

/** Paths and tags count as sets. */
function keyOf({ host, series, paths, tags }: PlannedBackup, groupBy: readonly GroupWord[]) {
  return {
    host: groupBy.includes("host") ? host : null,
    series: groupBy.includes("series") ? series : null,
    paths: groupBy.includes("paths") ? [...paths].sort() : null,
    tags: groupBy.includes("tags") ? [...tags].sort() : null,
  };
}
