/** Dates as bytes. Days are counted from 2018-01-01, which is day 0. */
import { encode, type RowWriter } from "./row_writer.ts";

const DAYS = 8192;
const DATE_BYTES = 10;
const SECONDS_A_DAY = 86_400;
const EPOCH_MS = Date.UTC(2018, 0, 1);

/** All dates in order, ten bytes each. */
const DATES = encode(Array.from({ length: DAYS }, (_, day) => isoDate(day)).join(""));

/** The day on which the first night's dump is made: 2026-03-01. */
export const FIRST_NIGHT_DAY = (Date.UTC(2026, 2, 1) - EPOCH_MS) / (SECONDS_A_DAY * 1000);

/** The date of a day, such as `2026-03-01`. */
export function isoDate(day: number): string {
  return new Date(EPOCH_MS + day * SECONDS_A_DAY * 1000).toISOString().slice(0, DATE_BYTES);
}

/** Writes a DATETIME, `'2026-03-01 14:05:59'` with its quotation marks. `day` is from 0 to 8191. */
function writeDateTime(out: RowWriter, day: number, secondOfDay: number): void {
  out.quote();
  out.slice(DATES, day * DATE_BYTES, (day + 1) * DATE_BYTES);
  out.byte(32);
  out.digits((secondOfDay / 3600) | 0, 2);
  out.byte(58);
  out.digits(((secondOfDay / 60) | 0) % 60, 2);
  out.byte(58);
  out.digits(secondOfDay % 60, 2);
  out.quote();
}

/** Writes a DATETIME on the given day. The 32 random bits choose the time of day. */
export function writeDateTimeAtRandom(out: RowWriter, day: number, bits: number): void {
  writeDateTime(out, day, ((bits >>> 0) * (SECONDS_A_DAY / 2 ** 32)) | 0);
}
