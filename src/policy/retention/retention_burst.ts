/**
 * Bursts: days with more backups of a series than any day before. Somebody who may only add backups can still push real
 * ones out of a policy's counts by adding many.
 */
import { dayOf, type Moment } from "./calendar.ts";
import { groupBySeriesAndHost, type OfSeriesAndHost } from "../series_and_host.ts";

/** The facts about a backup that the search needs. */
export interface BurstCandidate extends OfSeriesAndHost {
  readonly time: Moment;
  /** Null if another tool made it. */
  readonly level: number | null;
  /** Identifies the level 0 of its chain. */
  readonly base: string | null;
}

/** A day with more backups of a series on a host than any day before. */
export interface Burst extends OfSeriesAndHost {
  /** Days since 1970, UTC. */
  readonly day: number;
  /** How many backups were made on it. */
  readonly count: number;
  /** How many backups may have been made on the fullest day before. */
  readonly most: number;
}

/** Older bursts were reported while they were recent. */
const RECENT_DAYS = 7;

/**
 * The burst of each series and host, if there was one within the last week. `backups` must not contain any from the
 * future.
 *
 * Retention thins out old backups, so removed ones are counted, too: the levels of two backups tell how many members of
 * the chain are missing between them. If the two are at most a day apart, each of their days may have had all of the
 * missing ones; over more days these are spread evenly. Nothing is known about the days before the oldest backup left,
 * so they are not compared with.
 */
export function burstsOf(backups: readonly BurstCandidate[], now: Moment): Burst[] {
  const today = utcDayOf(now);
  return groupBySeriesAndHost(backups).flatMap((group) => {
    const burst = burstOf(group);
    return burst !== undefined && today - burst.day < RECENT_DAYS ? [burst] : [];
  });
}

/** The last day with more backups than all before it. */
function burstOf(group: readonly BurstCandidate[]): Burst | undefined {
  const { series, host } = group[0]!;
  let burst: Burst | undefined;
  let most = 0;
  for (const [day, { left, gone }] of daysOf(group)) {
    if (most > 0 && left > most) burst = { series, host, day, count: left, most };
    most = Math.max(most, left + gone);
  }
  return burst;
}

interface DayCount {
  left: number;
  /** How many more backups may have been made and removed. */
  gone: number;
}

/** The days that have backups, oldest first. */
function daysOf(group: readonly BurstCandidate[]): Map<number, DayCount> {
  const oldestFirst = group.toSorted((a, b) => compare(a.time.nanoseconds, b.time.nanoseconds) || levelsOf(a, b));
  const days = new Map<number, DayCount>();
  for (const [position, backup] of oldestFirst.entries()) {
    const before = oldestFirst[position - 1];
    const day = utcDayOf(backup.time);
    const count = days.get(day) ?? { left: 0, gone: 0 };
    days.set(day, count);
    count.left++;
    if (before === undefined) continue;
    const dayBefore = utcDayOf(before.time);
    const gone = Math.ceil(goneBetween(before, backup) / Math.max(1, day - dayBefore));
    count.gone += gone;
    if (dayBefore !== day) days.get(dayBefore)!.gone += gone;
  }
  return days;
}

/** How many members of the chain are missing between two backups. */
function goneBetween(before: BurstCandidate, { level, base }: BurstCandidate): number {
  if (level === null) return 0;
  const isSameChain = before.level !== null && before.base === base;
  return Math.max(0, isSameChain ? level - before.level! - 1 : level);
}

function utcDayOf(time: Moment): number {
  return dayOf({ ...time, offsetMinutes: 0 });
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function levelsOf(a: BurstCandidate, b: BurstCandidate): number {
  return (a.level ?? 0) - (b.level ?? 0);
}
