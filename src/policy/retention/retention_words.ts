/** What people write of a policy: counts, counts for each run type, groupings, days of the week. */
import { UsageError } from "../../base/errors.ts";
import { parseRunType, type RunType } from "../../base/run_type.ts";
import type { GroupWord } from "./retention_plan.ts";

/** More digits are a slip: nobody has a thousand million backups. */
const COUNT = /^\d{1,9}$/;

/** `text` as a count of restic's rules: as `parseCount`, and -1, as older restics have it, is `Infinity`, too. */
export function parseKeepCount(text: string, what: string): number {
  return text === "-1" ? Infinity : parseCount(text, what);
}

/** `text` as a count; `unlimited` is `Infinity`. Throws `UsageError` naming `what`. */
export function parseCount(text: string, what: string): number {
  if (text === "unlimited") return Infinity;
  if (COUNT.test(text)) return Number(text);
  throw new UsageError(`Not a number of ${what}: "${text}"; write a whole number of up to 9 digits, or unlimited`);
}

/**
 * Adds the counts of one `--keep-run-type`, such as `hourly=24,daily=7`, to those of earlier ones. Throws `UsageError`,
 * also for a run type that is named twice.
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

/** `text` as restic writes groupings, such as `host,paths`; nothing at all puts all in one group. Throws `UsageError`. */
export function parseGrouping(text: string): GroupWord[] {
  const words = text.split(",").map((word) => word.trim()).filter((word) => word !== "");
  return [
    ...new Set(words.map((word) => {
      if (Object.hasOwn(GROUP_WORD, word)) return GROUP_WORD[word]!;
      throw new UsageError(`Not a way to group: "${word}"; write some of host, series, paths, tags`);
    })),
  ];
}

const WEEK_DAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
/** So many letters of a name are enough. */
const SHORT_NAME = 3;

/** The day that a week begins on, by its name, the three first letters of that, or 0 = Monday to 6 = Sunday. Throws `UsageError`. */
export function parseWeekDay(text: string): number {
  const word = text.toLowerCase();
  const day = WEEK_DAYS.findIndex((name, number) => [name, name.slice(0, SHORT_NAME), `${number}`].includes(word));
  if (day !== -1) return day;
  throw new UsageError(
    `Not a day of the week: "${text}"; write saturday, sat, or a number, 0 for Monday to 6 for Sunday`,
  );
}
