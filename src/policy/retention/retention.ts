/**
 * Decides which backups of one group a policy keeps, and why. The rules are restic's (its manual, section "Removing
 * snapshots according to a policy"), as its newest version applies them, and two of our own, by run type and by age.
 *
 * Rules are joined by "or": a backup is removed only if no rule keeps it. Backups that claim to be from the future are
 * not judged here, since they would take the places of real ones (`retention_plan.ts` keeps them).
 */
import { type CalendarSpan, formatAgeSpan, formatKeepSpan, isZeroSpan } from "../../base/text/duration.ts";
import { dayOf, hourOf, minusSpan, type Moment, momentOf, monthOf, weekOf, yearOf } from "./calendar.ts";
import { isInFuture } from "../../base/clock.ts";

/** The facts about a backup that retention needs. */
export interface RetentionCandidate {
  /** Identifies the backup. At equal times, the greater id counts as newer. */
  readonly id: string;
  /** When the backup was begun. */
  readonly time: Moment;
  /** Its tags. */
  readonly tags: readonly string[];
  /** The run type; null if none was given. */
  readonly runType: string | null;
}

/** The units for which the newest backup of each is kept, in the order in which reasons name them. */
export const KEEP_UNITS = ["hourly", "daily", "weekly", "monthly", "yearly"] as const;
/** One of `KEEP_UNITS`. */
export type KeepUnit = (typeof KEEP_UNITS)[number];
/** The rules with a count. */
export type CountedRule = "last" | KeepUnit;

/** A policy. An absent rule, or a count or span of 0, has no effect. */
export interface KeepRules {
  /** How many of the newest backups, or of the newest units, are kept; `Infinity` for all. */
  readonly counts?: Readonly<Partial<Record<CountedRule, number>>>;
  /** Keeps backups younger than this span before the newest backup that is not in the future. */
  readonly within?: CalendarSpan;
  /** The same span, but only for the newest backup of each unit. */
  readonly withinUnits?: Readonly<Partial<Record<KeepUnit, CalendarSpan>>>;
  /** Keeps backups that have all tags of one of these lists. The list `[""]` matches backups without tags. */
  readonly tags?: readonly (readonly string[])[];
  /** How many of the newest backups of a run type are kept, 0 for none. Run types that are not named are kept. */
  readonly runTypes?: ReadonlyMap<string, number>;
  /** Keeps backups no older than this span before now. */
  readonly notOlderThan?: CalendarSpan;
}

/** The judgement of a policy on one backup. */
export interface Judgement<T> {
  /** The backup. */
  readonly backup: T;
  /** Why the backup is kept; empty if no rule keeps it. Reasons of restic's rules are in restic's words. */
  readonly matches: readonly string[];
  /** What is left of the counts after this backup; -1 for an unlimited count. */
  readonly counters: Readonly<Partial<Record<CountedRule, number>>>;
}

/** Whether the policy has no rule that has an effect, and so would keep nothing. */
export function isEmptyPolicy(rules: KeepRules): boolean {
  const spans = [rules.within, rules.notOlderThan, ...Object.values(rules.withinUnits ?? {})];
  return Object.values(rules.counts ?? {}).every((count) => count === 0) &&
    spans.every((span) => span === undefined || isZeroSpan(span)) &&
    (rules.tags ?? []).length === 0 && (rules.runTypes?.size ?? 0) === 0;
}

/** Judges the backups of one group, newest first. The order in which they are given does not matter. */
export function applyPolicy<T extends RetentionCandidate>(
  backups: readonly T[],
  rules: KeepRules,
  now: Date,
): Judgement<T>[] {
  const newestFirst = newestFirstOf(backups);
  const counted = countedRules(rules);
  const keepers = [
    tagRule(rules),
    withinRule(newestFirst, rules, now),
    counted.keeper,
    withinUnitsRule(newestFirst, rules, now),
    runTypeRule(rules),
    ageRule(rules, now),
  ];
  return newestFirst.map((backup, position) => {
    const matches = keepers.flatMap((keeper) => keeper(backup, position === newestFirst.length - 1));
    // The keepers count down, so the counts left are read after all keepers were asked.
    return { backup, matches, counters: counted.left() };
  });
}

/** The backups, newest first; at equal times, the greater id first. */
export function newestFirstOf<T extends RetentionCandidate>(backups: readonly T[]): T[] {
  return backups.toSorted((a, b) => {
    const difference = b.time.nanoseconds - a.time.nanoseconds;
    return difference !== 0n ? (difference < 0n ? -1 : 1) : a.id < b.id ? 1 : -1;
  });
}

/** Why a backup is kept that no rule can judge yet. */
export const FUTURE_REASON = "in the future";

/** Whether a backup claims to be from the future, by more than clocks may differ. */
export function isBackupInFuture({ time }: RetentionCandidate, now: Date): boolean {
  return isInFuture(Number(time.nanoseconds / NANOSECONDS_PER_MS), now.getTime());
}

/** Whether a backup has all of the tags. An empty tag means that it has none. */
export function hasTags(tags: readonly string[], wanted: readonly string[]): boolean {
  for (const tag of wanted) {
    if (tag === "" && tags.length === 0) return true;
    if (!tags.includes(tag)) return false;
  }
  return true;
}

const NANOSECONDS_PER_MS = 1_000_000n;

/** Called once for each backup, newest first. Returns the reasons to keep it. */
type Keeper = (backup: RetentionCandidate, isOldest: boolean) => string[];

const UNIT_OF: Readonly<Record<KeepUnit, (moment: Moment) => number>> = {
  hourly: hourOf,
  daily: dayOf,
  weekly: weekOf,
  monthly: monthOf,
  yearly: yearOf,
};

function tagRule({ tags = [] }: KeepRules): Keeper {
  return (backup) =>
    tags.filter((wanted) => hasTags(backup.tags, wanted)).map((wanted) => `has tags [${wanted.join(", ")}]`);
}

function withinRule(newestFirst: readonly RetentionCandidate[], { within }: KeepRules, now: Date): Keeper {
  if (within === undefined || isZeroSpan(within)) return () => [];
  const isWithin = withinTest(newestFirst, within, now);
  return (backup) => isWithin(backup) ? [`within ${formatKeepSpan(within)}`] : [];
}

/**
 * The rule `last` counts backups, the others count units. A count left over at the end also keeps the oldest backup.
 */
function countedRules({ counts = {} }: KeepRules) {
  const left = { ...counts };
  const rules = (["last", ...KEEP_UNITS] as const).filter((rule) => (counts[rule] ?? 0) > 0);
  const firsts = new Map(rules.map((rule) => [rule, rule === "last" ? () => true : firstOfUnit(UNIT_OF[rule])]));
  const keeper: Keeper = (backup, isOldest) =>
    rules.flatMap((rule) => {
      if (left[rule]! <= 0) return [];
      const isFirst = firsts.get(rule)!(backup);
      if (!isFirst && !isOldest) return [];
      left[rule]!--;
      return [`${isFirst ? "" : "oldest "}${rule} snapshot`];
    });
  const shownLeft = () =>
    Object.fromEntries(rules.map((rule) => [rule, Number.isFinite(left[rule]) ? left[rule]! : -1]));
  return { keeper, left: shownLeft };
}

function withinUnitsRule(newestFirst: readonly RetentionCandidate[], rules: KeepRules, now: Date): Keeper {
  const keepers = KEEP_UNITS.flatMap((unit) => {
    const span = rules.withinUnits?.[unit];
    if (span === undefined || isZeroSpan(span)) return [];
    const isWithin = withinTest(newestFirst, span, now);
    const isFirstOfUnit = firstOfUnit(UNIT_OF[unit]);
    const keeper: Keeper = (backup, isOldest) => {
      if (!isWithin(backup)) return [];
      const isFirst = isFirstOfUnit(backup);
      return isFirst || isOldest ? [`${isFirst ? "" : "oldest "}${unit} within ${formatKeepSpan(span)}`] : [];
    };
    return [keeper];
  });
  return (backup, isOldest) => keepers.flatMap((keeper) => keeper(backup, isOldest));
}

function runTypeRule({ runTypes }: KeepRules): Keeper {
  if (runTypes === undefined || runTypes.size === 0) return () => [];
  const left = new Map(runTypes);
  return (backup) => {
    const { runType } = backup;
    const count = runType === null ? undefined : left.get(runType);
    if (count === undefined) return ["run type without a limit"];
    if (count === 0) return [];
    left.set(runType!, count - 1);
    return [`${runType} run`];
  };
}

function ageRule({ notOlderThan }: KeepRules, now: Date): Keeper {
  if (notOlderThan === undefined || isZeroSpan(notOlderThan)) return () => [];
  const from = minusSpan(momentOf(now), notOlderThan);
  return ({ time }) => time.nanoseconds >= from ? [`not older than ${formatAgeSpan(notOlderThan)}`] : [];
}

/** For moments from newest to oldest, tells whether each lies in another unit than the one before it. */
function firstOfUnit(unitOf: (moment: Moment) => number): (backup: RetentionCandidate) => boolean {
  let last: number | undefined;
  return ({ time }) => {
    const unit = unitOf(time);
    const isFirst = unit !== last;
    last = unit;
    return isFirst;
  };
}

/**
 * Spans are measured from the newest backup in the past, so that the backups of a series that stopped do not all
 * expire.
 */
function withinTest(newestFirst: readonly RetentionCandidate[], span: CalendarSpan, now: Date) {
  const nowNanoseconds = momentOf(now).nanoseconds;
  const newest = newestFirst.find(({ time }) => time.nanoseconds < nowNanoseconds);
  if (newest === undefined) return () => true;
  const after = minusSpan(newest.time, span);
  return ({ time }: RetentionCandidate) => time.nanoseconds > after;
}
