/** Time spans for people. */
import { UsageError } from "../errors.ts";

/** A span of `ms` milliseconds in its two largest units: `0.4 s`, `12 s`, `3 min 20 s`, `5 h 2 min`, `3 d 4 h`. */
export function formatDuration(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return pair(whole, 60, "min", "s");
  if (whole < 86400) return pair(Math.round(whole / 60), 60, "h", "min");
  return pair(Math.round(whole / 3600), 24, "d", "h");
}

function pair(total: number, base: number, unit: string, subUnit: string): string {
  const rest = total % base;
  return `${Math.floor(total / base)} ${unit}${rest > 0 ? ` ${rest} ${subUnit}` : ""}`;
}

const UNIT_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds of a span such as `90s`, `5m`, `1h30m` or `2d`. Throws `UsageError` if it is not one. */
export function parseSpan(text: string): number {
  if (!/^(\d+[smhd])+$/.test(text)) {
    throw new UsageError(`Not a duration: "${text}"; write for example 90s, 1h30m or 7d`);
  }
  let ms = 0;
  for (const [, count, unit] of text.matchAll(/(\d+)([smhd])/g)) ms += Number(count) * UNIT_MS[unit!]!;
  return ms;
}

/**
 * A span in calendar units: the length of a month or a year depends on where it begins. All fields are whole numbers
 * and not negative.
 */
export interface CalendarSpan {
  /** Calendar years. */
  readonly years: number;
  /** Calendar months. */
  readonly months: number;
  /** Days. */
  readonly days: number;
  /** Hours. */
  readonly hours: number;
  /** Minutes. */
  readonly minutes: number;
  /** Seconds. */
  readonly seconds: number;
}

type CalendarUnit = keyof CalendarSpan | "weeks";

/** More digits are a typing mistake, and would exceed the range of dates. */
const MOST_SPAN_DIGITS = 9;

/** restic's units, as in `2y5m7d3h`: here `m` is a month. */
const KEEP_UNITS: Readonly<Record<string, CalendarUnit>> = { y: "years", m: "months", d: "days", h: "hours" };

/** bakthat's units, as in `3M2D8h20m5s`: here `m` is a minute. */
const AGE_UNITS: Readonly<Record<string, CalendarUnit>> = {
  Y: "years",
  y: "years",
  M: "months",
  W: "weeks",
  w: "weeks",
  D: "days",
  d: "days",
  h: "hours",
  m: "minutes",
  s: "seconds",
};

/** A span as restic's `--keep-within` takes it, such as `2y5m7d3h`; `m` is a month. Throws `UsageError`. */
export function parseKeepSpan(text: string): CalendarSpan {
  return parseCalendarSpan(text, KEEP_UNITS, "write years, months, days, hours as in 2y5m7d3h");
}

/** An age such as `3M2D8h20m5s`: `Y M W D h m s`, `M` is a month and `m` a minute. Throws `UsageError`. */
export function parseAgeSpan(text: string): CalendarSpan {
  return parseCalendarSpan(text, AGE_UNITS, "write for example 3M2D8h20m5s (Y M W D h m s: M is a month, m a minute)");
}

/** The span in restic's notation, largest unit first: `2y5m7d3h`. That notation has no minutes and seconds. */
export function formatKeepSpan({ years, months, days, hours }: CalendarSpan): string {
  return formatUnits([[years, "y"], [months, "m"], [days, "d"], [hours, "h"]]);
}

/** The span in the notation of `parseAgeSpan`: `3M2D8h20m5s`. */
export function formatAgeSpan({ years, months, days, hours, minutes, seconds }: CalendarSpan): string {
  return formatUnits([[years, "Y"], [months, "M"], [days, "D"], [hours, "h"], [minutes, "m"], [seconds, "s"]]);
}

/** Whether all fields of the span are zero. */
export function isZeroSpan(span: CalendarSpan): boolean {
  return Object.values(span).every((count) => count === 0);
}

function parseCalendarSpan(text: string, units: Readonly<Record<string, CalendarUnit>>, advice: string): CalendarSpan {
  const counts: Record<CalendarUnit, number> = {
    years: 0,
    months: 0,
    weeks: 0,
    days: 0,
    hours: 0,
    minutes: 0,
    seconds: 0,
  };
  const seen = new Set<CalendarUnit>();
  const refuse = (reason: string) => new UsageError(`Not a span of time: "${text}"${reason}; ${advice}`);
  if (!/^(\d+[a-zA-Z])+$/.test(text)) throw refuse("");
  for (const [, digits, letter] of text.matchAll(/(\d+)([a-zA-Z])/g)) {
    const unit = Object.hasOwn(units, letter!) ? units[letter!] : undefined;
    if (unit === undefined) throw refuse(`: there is no unit "${letter}"`);
    if (seen.has(unit)) throw refuse(`: it names ${unit} twice`);
    if (digits!.length > MOST_SPAN_DIGITS) throw refuse(`: ${digits} ${unit} are too many`);
    seen.add(unit);
    counts[unit] = Number(digits);
  }
  const { weeks, days, ...rest } = counts;
  return { ...rest, days: days + 7 * weeks };
}

function formatUnits(units: readonly (readonly [count: number, letter: string])[]): string {
  return units.filter(([count]) => count > 0).map(([count, letter]) => `${count}${letter}`).join("");
}
