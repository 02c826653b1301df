/** Parses what users write in a policy: counts, ages, counts for each run type, groupings, days of the week. */
import { UsageError } from "../../base/errors.ts";
import { parseRunType, type RunType } from "../../base/run_type.ts";
import { type CalendarSpan, parseAgeSpan } from "../../base/text/duration.ts";
import type { GroupWord } from "./retention_plan.ts";

/** More digits are a typing mistake: nobody has a billion backups. */
const COUNT = /^\d{1,9}$/;

/**
 * `text` as a count of restic's rules. Like `parseCount`, but -1, which older versions of restic use, also means
 * `Infinity`.
 */
export function parseKeepCount(text: string, what: string): number {
  return text === "-1" ? Infinity : parseCount(text, what);
}

/** `text` as a count; `unlimited` is `Infinity`. Throws a `UsageError` that names `what`. */
export function parseCount(text: string, what: string): number {
  if (text === "unlimited") return Infinity;
  if (COUNT.test(text)) return Number(text);
  throw new UsageError(`Not a number of ${what}: "${text}"; write a whole number of up to 9 digits, or unlimited`);
}

/**
 * Adds the counts of one `--keep-run-type`, such as `hourly=24,daily=7`, to those of earlier options. Throws
 * `UsageError`, also for a run type that is named twice.
 */
export function parseRunTypeCounts(
  text: string,
  earlier: ReadonlyMap<RunType, number> = new Map(),
): Map<RunType, number> {
  const counts = new Map(earlier);
  for (const part of text.split(",")) {
    const [name = "", count, ...rest] = part.split("=").map((word) => word.trim());
    if (count === undefined || rest.length > 0) {
      throw new UsageError(`Not a count of a run type: "${part}"; write for example hourly=24,daily=7`);
    }
    const runType = parseRunType(name);
    if (counts.has(runType)) throw new UsageError(`The run type ${runType} is counted twice; name it once`);
    counts.set(runType, parseCount(count, `${runType} runs to keep`));
  }
  return counts;
}

const GROUP_WORD: Readonly<Record<string, GroupWord>> = {
  host: "host",
  hosts: "host",
  series: "series",
  path: "paths",
  paths: "paths",
  tag: "tags",
  tags: "tags",
};

/**
 * `text` as a grouping in restic's notation, such as `host,paths`. An empty text puts all backups in one group. Throws
 * `UsageError`.
 */
export function parseGrouping(text: string): GroupWord[] {
  const words = text.split(",").map((word) => word.trim()).filter((word) => word !== "");
  return [
    ...new Set(words.map((word) => {
      if (Object.hasOwn(GROUP_WORD, word)) return GROUP_WORD[word]!;
      throw new UsageError(`Not a way to group: "${word}"; write some of host, series, paths, tags`);
    })),
  ];
}

/** The days of the week, Monday first. */
export const WEEK_DAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
/** A name may be shortened to this many letters. */
const SHORT_NAME = 3;

/**
 * The first day of the week as a number, from 0 for Monday to 6 for Sunday. `text` is the name of the day, its first
 * three letters, or the number. Throws `UsageError`.
 */
export function parseWeekDay(text: string): number {
  const word = text.toLowerCase();
  const day = WEEK_DAYS.findIndex((name, number) => [name, name.slice(0, SHORT_NAME), `${number}`].includes(word));
  if (day !== -1) return day;
  throw new UsageError(
    `Not a day of the week: "${text}"; write saturday, sat, or a number, 0 for Monday to 6 for Sunday`,
  );
}

/**
 * Parses an age that a person typed, such as `3M2D8h20m5s`. A plain `m` is refused, because in restic's `--keep-within` it means months:
 * minutes and months differ by a factor of 40,000. Throws `UsageError`.
 */
export function parseClearAge(text: string): CalendarSpan {
  const minutes = /^(\d+)m$/.exec(text)?.[1];
  if (minutes === undefined) return parseAgeSpan(text);
  throw new UsageError(`Not clear: "${text}": write ${minutes}M for months, 0h${minutes}m for minutes`);
}
