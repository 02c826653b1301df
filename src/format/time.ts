/**
 * Points in time as Go writes them (RFC 3339 with up to nine fraction digits). A decoded time keeps its text, so that
 * nanoseconds and zone survive, and encoding it again gives the same bytes.
 */
import type { Brand } from "../base/brand.ts";
import { invariant } from "../base/errors.ts";
import { damaged } from "./damage.ts";

/** A valid RFC 3339 time such as `2026-01-02T03:04:05.123456789+02:00`, years 0000 to 9999. */
export type Rfc3339 = string & Brand<"Rfc3339">;

/** Go's zero time, which restic reads for a missing time. */
export const ZERO_TIME = "0001-01-01T00:00:00Z" as Rfc3339;

const PATTERN = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:Z|([+-])(\d\d):(\d\d))$/;

/** Whether Go's decoder accepts the text as a time: upper-case `T` and `Z`, no leap second, only days that exist. */
export function isRfc3339(text: string): text is Rfc3339 {
  if (!PATTERN.test(text)) return false;
  const month = twoDigits(text, 5);
  const day = twoDigits(text, 8);
  const isTimeOfDay = twoDigits(text, 11) < 24 && twoDigits(text, 14) < 60 && twoDigits(text, 17) < 60;
  const hasZone = text.endsWith("Z") ||
    (twoDigits(text, text.length - 5) < 24 && twoDigits(text, text.length - 2) < 60);
  if (!isTimeOfDay || !hasZone || month < 1 || month > 12 || day < 1) return false;
  return day <= 28 || day <= daysOfMonth(Number(text.slice(0, 4)), month);
}

/** The number formed by two digits at a position. Trees hold many times, and the pattern's captures would be slower. */
function twoDigits(text: string, at: number): number {
  return text.charCodeAt(at) * 10 + text.charCodeAt(at + 1) - 11 * 48;
}

/** `text` as a time. Throws an `IntegrityError` that names `what` if it is not one. */
export function parseTimestamp(text: string, what: string): Rfc3339 {
  if (!isRfc3339(text)) throw damaged(what, "not an RFC 3339 time");
  return text;
}

/** The canonical text of a time in UTC: no trailing zeros, and no fraction if that is zero. Years 0 to 9999. */
export function formatTimestamp(date: Date): Rfc3339 {
  return formatNanoseconds(BigInt(date.getTime()) * 1_000_000n);
}

/** Like `formatTimestamp`, for nanoseconds since 1970 UTC (as `stat` gives them). */
export function formatNanoseconds(nanoseconds: bigint): Rfc3339 {
  const fraction = ((nanoseconds % NANOSECONDS) + NANOSECONDS) % NANOSECONDS;
  const date = new Date(Number((nanoseconds - fraction) / 1_000_000n));
  const year = date.getUTCFullYear();
  invariant(year >= 0 && year <= 9999, `No RFC 3339 time has the year ${year}`);
  const seconds = date.toISOString().slice(0, 19);
  if (fraction === 0n) return `${seconds}Z` as Rfc3339;
  return `${seconds}.${fraction.toString().padStart(9, "0").replace(/0+$/, "")}Z` as Rfc3339;
}

const NANOSECONDS = 1_000_000_000n;

/** The time to the millisecond, rounded down. */
export function timestampToDate(time: Rfc3339): Date {
  const { wholeSecondMs, fraction } = instantOf(time);
  return new Date(wholeSecondMs + Number(fraction.slice(0, 3).padEnd(3, "0")));
}

/** Nanoseconds since 1970 UTC. Digits after the ninth are dropped, as Go does. */
export function timestampToNanoseconds(time: Rfc3339): bigint {
  const { seconds, nanoseconds } = timestampParts(time);
  return BigInt(seconds) * NANOSECONDS + BigInt(nanoseconds);
}

/** The same as whole seconds, rounded down, and the nanoseconds behind them: numbers, where there are very many times. */
export function timestampParts(time: Rfc3339): { readonly seconds: number; readonly nanoseconds: number } {
  const { wholeSecondMs, fraction } = instantOf(time);
  return { seconds: wholeSecondMs / 1000, nanoseconds: Number(fraction.slice(0, 9).padEnd(9, "0")) };
}

/** The whole seconds of a time, in milliseconds since 1970 UTC, and the digits of its fraction. */
function instantOf(time: Rfc3339): { readonly wholeSecondMs: number; readonly fraction: string } {
  const [year, month] = [twoDigits(time, 0) * 100 + twoDigits(time, 2), twoDigits(time, 5) - 1];
  const [hour, minute, second] = [twoDigits(time, 11), twoDigits(time, 14), twoDigits(time, 17)];
  // `Date.UTC` reads the years 0 to 99 as 1900 to 1999. The calendar repeats after 400 years.
  const localMs = Date.UTC(year + 400, month, twoDigits(time, 8), hour, minute, second) - MS_OF_400_YEARS;
  const isUtc = time.endsWith("Z");
  const zoneAt = time.length - (isUtc ? 1 : "+00:00".length);
  const wholeSecondMs = isUtc ? localMs : localMs - timestampOffsetMinutes(time) * 60_000;
  return { wholeSecondMs, fraction: time.slice("0000-00-00T00:00:00.".length, zoneAt) };
}

const MS_OF_400_YEARS = 146_097 * 86_400_000;

/** How many minutes the time's own zone is ahead of UTC. Retention counts days in this zone. */
export function timestampOffsetMinutes(time: Rfc3339): number {
  const [, sign, hours, minutes] = /([+-])(\d\d):(\d\d)$/.exec(time) ?? [];
  if (sign === undefined) return 0;
  const offset = Number(hours) * 60 + Number(minutes);
  return sign === "-" && offset > 0 ? -offset : offset;
}

/** Orders times by the instant they name; negative if `a` is earlier. */
export function compareTimestamps(a: Rfc3339, b: Rfc3339): number {
  const difference = timestampToNanoseconds(a) - timestampToNanoseconds(b);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

function daysOfMonth(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return [4, 6, 9, 11].includes(month) ? 30 : 31;
}
