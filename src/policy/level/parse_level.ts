/** Parses the numbers in rules for levels. */
import { UsageError } from "../../base/errors.ts";

/** More digits are a typing mistake: with a backup every hour, a chain reaches that level after eleven years. */
const LEVEL = /^\d{1,5}$/;
const DAYS = /^\d{1,5}(\.\d{1,5})?$/;

/** `text` as a level of at least 0. Throws `UsageError`. */
export function parseLevel(text: string): number {
  if (LEVEL.test(text)) return Number(text);
  throw new UsageError(`Not a level: "${text}"; write a whole number of 0 to 99999`);
}

/** `text` as a number of days above 0, possibly with a fraction. Throws `UsageError`. */
export function parseDays(text: string): number {
  if (DAYS.test(text) && Number(text) > 0) return Number(text);
  throw new UsageError(`Not a number of days: "${text}"; write one above 0 and up to 99999, such as 7 or 6.5`);
}
