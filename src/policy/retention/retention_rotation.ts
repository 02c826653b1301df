/**
 * Rotation as in bakthat (grandfather, father, son): the first backup of each of the last days, weeks and months is
 * kept, and every backup from the future. Years are our addition. Days are in UTC.
 */
import { dayOf, type Moment, momentOf, monthOf, weekOf, yearOf } from "./calendar.ts";
import { FUTURE_REASON, type Judgement, newestFirstOf, type RetentionCandidate } from "./retention.ts";

/** How many units to look back, including the current one; 0 disables a unit. */
export interface Rotation {
  /** Days to look back, including today; 0: none. */
  readonly days: number;
  /** Weeks to look back. */
  readonly weeks: number;
  /** Months to look back. */
  readonly months: number;
  /** Years to look back. */
  readonly years: number;
  /** The first day of a week, 0 = Monday to 6 = Sunday. */
  readonly firstWeekDay: number;
}

/** bakthat's default: a week of days, six weeks that begin on Saturday, half a year of months, no years. */
export const DEFAULT_ROTATION: Rotation = { days: 7, weeks: 6, months: 6, years: 0, firstWeekDay: 5 };

/** Whether the rotation keeps nothing from the past. */
export function isEmptyRotation({ days, weeks, months, years }: Rotation): boolean {
  return days + weeks + months + years === 0;
}

/** Judges the backups of one group, newest first. */
export function applyRotation<T extends RetentionCandidate>(
  backups: readonly T[],
  rotation: Rotation,
  now: Date,
): Judgement<T>[] {
  const today = momentOf(now);
  const newestFirst = newestFirstOf(backups);
  const past = newestFirst.filter(({ time }) => time.nanoseconds <= today.nanoseconds).reverse();
  const kept = [
    firstsOf(past, dayOf, dayOf(today) - rotation.days, "day"),
    firstsOf(past, weekNumbers(rotation), weekNumbers(rotation)(today) - rotation.weeks, "week"),
    firstsOf(past, monthOf, monthOf(today) - rotation.months, "month"),
    firstsOf(past, yearOf, yearOf(today) - rotation.years, "year"),
  ];
  return newestFirst.map((backup) => {
    const isFuture = backup.time.nanoseconds > today.nanoseconds;
    const matches = isFuture ? [FUTURE_REASON] : kept.flatMap((reasons) => reasons.get(backup) ?? []);
    return { backup, matches, counters: {} };
  });
}

function weekNumbers({ firstWeekDay }: Rotation): (moment: Moment) => number {
  return (moment) => weekOf(moment, firstWeekDay);
}

/** The first backup of every unit after the unit `before`, with the reason to keep it. */
function firstsOf<T extends RetentionCandidate>(
  oldestFirst: readonly T[],
  unitOf: (moment: Moment) => number,
  before: number,
  word: string,
): Map<T, string> {
  const firsts = new Map<number, T>();
  for (const backup of oldestFirst) {
    const unit = unitOf({ ...backup.time, offsetMinutes: 0 });
    if (unit > before && !firsts.has(unit)) firsts.set(unit, backup);
  }
  return new Map([...firsts.values()].map((backup) => [backup, `first of its ${word}`]));
}
