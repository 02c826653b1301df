/**
 * Times as people read and write them: in this machine's zone, with the offset printed. Programs read RFC 3339 instead
 * (format/time.ts).
 */

const DATE = /^(\d{4})-(\d{2})-(\d{2})$/;
const TIME = /^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?) ?(?:(Z)|([+-]\d{2}):?(\d{2}))?$/;

const LAST_TIME_OF_DAY = "23:59:59.999";

/** A time in the local zone, to the second: `2026-08-30 03:17:02 +02:00`. */
export function formatLocalTime(date: Date): string {
  const day = `${digits(date.getFullYear(), 4)}-${digits(date.getMonth() + 1)}-${digits(date.getDate())}`;
  const time = `${digits(date.getHours())}:${digits(date.getMinutes())}:${digits(date.getSeconds())}`;
  return `${day} ${time} ${formatOffset(-date.getTimezoneOffset())}`;
}

/** Minutes ahead of UTC as `+02:00`. */
function formatOffset(minutes: number): string {
  const size = Math.abs(Math.trunc(minutes));
  return `${minutes < 0 ? "-" : "+"}${digits(Math.trunc(size / 60))}:${digits(size % 60)}`;
}

/** Which moment of a day a date without a time means. */
type DayMeans = "begin" | "end";

/**
 * The time in `text`: a date such as `2026-08-30`, or a date and a time such as `2026-08-30T12:00`. Seconds are
 * optional, and a space may stand for the `T`. A zone may follow, as `formatLocalTime` or RFC 3339 writes it; otherwise
 * the zone is this machine's. Returns `unknown` if the text has another form, and `never` if there is no such moment.
 */
export function parseLocalTime(text: string, dayMeans: DayMeans): Date | "unknown" | "never" {
  if (DATE.test(text)) return dateOf(text, dayMeans === "end" ? LAST_TIME_OF_DAY : "00:00", "");
  const [, day, time, utc, hours, minutes] = TIME.exec(text) ?? [];
  if (day === undefined) return "unknown";
  return dateOf(day, time!, utc ?? (hours === undefined ? "" : `${hours}:${minutes}`));
}

function dateOf(day: string, time: string, zone: string): Date | "never" {
  const date = new Date(`${day}T${time}${zone}`);
  return dayExists(day) && !Number.isNaN(date.getTime()) ? date : "never";
}

/** Needed because `Date` reads 30 February as 2 March. */
function dayExists(day: string): boolean {
  const [, year, month, dayOfMonth] = DATE.exec(day)!.map(Number) as [number, number, number, number];
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, dayOfMonth);
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === dayOfMonth;
}

function digits(value: number, count = 2): string {
  return String(value).padStart(count, "0");
}
