/** What people write where a rule for levels takes a number. */
import { UsageError } from "../../base/errors.ts";

/** More digits are a slip: at a backup an hour a chain gets to that level in eleven years. */
const LEVEL = /^\d{1,5}$/;
const DAYS = /^\d{1,5}(\.\d{1,5})?$/;

/** `text` as a level, 0 and up; throws `UsageError`. */
export function parseLevel(text: string): number {
  if (LEVEL.test(text)) return Number(text);
  throw new UsageError(`Not a level: "${text}"; write a whole number of 0 to 99999`);
}

/** `text` as a number of days, more than 0, with a fraction where that is wanted; throws `UsageError`. */
export function parseDays(text: string): number {
  if (DAYS.test(text) && Number(text) > 0) return Number(text);
  throw new UsageError(`Not a number of days: "${text}"; write one above 0 and up to 99999, such as 7 or 6.5`);
}
