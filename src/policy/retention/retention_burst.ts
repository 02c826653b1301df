/**
 * Bursts: a day on which more backups of a series came than on any day before. Who may only add can still push real backups
 * out of what a policy counts, by adding many.
 */
import { dayOf, type Moment } from "./calendar.ts";
import { groupBySeriesAndHost, type OfSeriesAndHost } from "../series_and_host.ts";

/** What the search has to know of a backup. */
export interface BurstCandidate extends OfSeriesAndHost {
  readonly time: Moment;
  /** Null where another tool made it. */
  readonly level: number | null;
  /** Names the level 0 of its chain. */
  readonly base: string | null;
}

/** A day that had more backups of a series on a host than any before. */
export interface Burst extends OfSeriesAndHost {
  /** Days since 1970, UTC. */
  readonly day: number;
  /** How many came on it. */
  readonly count: number;
  /** How many may have come on the fullest day before. */
  readonly most: number;
}

/** A day that lies further back was warned of while it was recent. */
const RECENT_DAYS = 7;

/**
 * The burst of each series and host, if there was one within the last week; none of the backups may be of the future.
 * Retention thins what is old, so what it removed is counted, too: levels tell how many members of a chain are gone between
 * two that are left. Between one day and the next all of them may have come on either; over more days they are taken to
 * have come evenly. Of what came before the oldest that is left nobody knows the days, so that it sets no measure.
 */
export function burstsOf(backups: readonly BurstCandidate[], now: Moment): Burst[] {
  const today = utcDayOf(now);
  return groupBySeriesAndHost(backups).flatMap((place) => {
    const burst = burstOf(place);
    return burst !== undefined && today - burst.day < RECENT_DAYS ? [burst] : [];
  });
}

/** The last day that outdid all before it. */
function burstOf(place: readonly BurstCandidate[]): Burst | undefined {
  const { series, host } = place[0]!;
  let burst: Burst | undefined;
  let most = 0;
  for (const [day, { left, gone }] of daysOf(place)) {
    if (most > 0 && left > most) burst = { series, host, day, count: left, most };
    most = Math.max(most, left + gone);
  }
  return burst;
}

interface DayCount {
  left: number;
  /** How many more may have come. */
  gone: number;
}

/** The days that have backups, oldest first. */
function daysOf(place: readonly BurstCandidate[]): Map<number, DayCount> {
  const oldestFirst = place.toSorted((a, b) => compare(a.time.nanoseconds, b.time.nanoseconds) || levelsOf(a, b));
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

/** How many members of their chain came between two backups and are not there. */
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
