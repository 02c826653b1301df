/** The calendar of retention: hours, days, ISO weeks, months and years in the zone in which a time was written. */
import type { CalendarSpan } from "../../base/text/duration.ts";

/** A point in time, and the zone in which it was written. */
export interface Moment {
  /** Nanoseconds since 1970 UTC. */
  readonly nanoseconds: bigint;
  /** How many minutes its zone is ahead of UTC. */
  readonly offsetMinutes: number;
}

const SECOND = 1_000_000_000n;
const HOUR = 3600n * SECOND;
const DAY = 24n * HOUR;
const MS_PER_DAY = 86_400_000;
const DAYS_PER_WEEK = 7;
/** 1970 began on a Thursday; the Monday of that week is this many days earlier. */
const DAYS_SINCE_MONDAY = 3;
/** Earlier than any time that can be written. */
const BEGINNING_OF_TIME = -(1n << 80n);

/** A moment in UTC. */
export function momentOf(date: Date): Moment {
  return { nanoseconds: BigInt(date.getTime()) * 1_000_000n, offsetMinutes: 0 };
}

/** The number of the hour in the zone. Moments of the same hour have the same number. */
export function hourOf(moment: Moment): number {
  return Number(floorDivide(localNanoseconds(moment), HOUR));
}

/** The number of the day in the zone; 1 January 1970 is 0. */
export function dayOf(moment: Moment): number {
  return Number(floorDivide(localNanoseconds(moment), DAY));
}

/** The number of the week. Weeks begin on `firstWeekDay`, 0 = Monday (ISO weeks) to 6 = Sunday. */
export function weekOf(moment: Moment, firstWeekDay = 0): number {
  return Math.floor((dayOf(moment) + DAYS_SINCE_MONDAY - firstWeekDay) / DAYS_PER_WEEK);
}

/** The number of the month in the zone. */
export function monthOf(moment: Moment): number {
  const date = dateOfDay(dayOf(moment));
  return date.getUTCFullYear() * 12 + date.getUTCMonth();
}

/** The year in the zone. */
export function yearOf(moment: Moment): number {
  return dateOfDay(dayOf(moment)).getUTCFullYear();
}

/**
 * The time that lies `span` before `moment`, in nanoseconds since 1970 UTC. As in Go's `AddDate`, years, months and
 * days change the date, and a day that does not exist overflows into the next month (a month before 31 March is 3
 * March). Hours, minutes and seconds are then subtracted. The zone's offset stays the same.
 */
export function minusSpan(moment: Moment, span: CalendarSpan): bigint {
  const day = dayOf(moment);
  const timeOfDay = localNanoseconds(moment) - BigInt(day) * DAY;
  const date = dateOfDay(day);
  date.setUTCFullYear(
    date.getUTCFullYear() - span.years,
    date.getUTCMonth() - span.months,
    date.getUTCDate() - span.days,
  );
  if (Number.isNaN(date.getTime())) return BEGINNING_OF_TIME;
  const seconds = BigInt(span.hours) * 3600n + BigInt(span.minutes) * 60n + BigInt(span.seconds);
  const local = BigInt(date.getTime() / MS_PER_DAY) * DAY + timeOfDay;
  return local - seconds * SECOND - offsetNanoseconds(moment);
}

function localNanoseconds(moment: Moment): bigint {
  return moment.nanoseconds + offsetNanoseconds(moment);
}

function offsetNanoseconds({ offsetMinutes }: Moment): bigint {
  return BigInt(offsetMinutes) * 60n * SECOND;
}

function dateOfDay(day: number): Date {
  return new Date(day * MS_PER_DAY);
}

function floorDivide(value: bigint, by: bigint): bigint {
  const quotient = value / by;
  return value % by < 0n ? quotient - 1n : quotient;
}
