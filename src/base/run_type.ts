/** Run types: how often a run like this one comes round. The order is TwinDB Backup's, the shortest interval first. */
import { UsageError } from "./errors.ts";

/** All run types, from the shortest interval to the longest. */
export const RUN_TYPES = ["hourly", "daily", "weekly", "monthly", "yearly"] as const;

/** One of them. */
export type RunType = (typeof RUN_TYPES)[number];

/** Whether `text` names a run type. */
export function isRunType(text: string): text is RunType {
  return (RUN_TYPES as readonly string[]).includes(text);
}

/**
 * `text` as a run type; throws `UsageError` where it is none. Whoever takes run types from programs asks this, too: types
 * are gone when a program runs.
 */
export function parseRunType(text: string): RunType {
  if (!isRunType(text)) throw new UsageError(`Not a run type: "${text}"; it is one of ${RUN_TYPES.join(", ")}`);
  return text;
}

/** The place of a run type among all: the longer its interval, the greater. */
function rankOf(runType: RunType): number {
  return RUN_TYPES.indexOf(parseRunType(runType));
}

/**
 * The run type that a backup counts as where the rules ask for one: without one that we know it is an hourly run's, which
 * promises least.
 */
export function countedRunType(runType: string | null): RunType {
  return runType !== null && isRunType(runType) ? runType : "hourly";
}

/**
 * TwinDB's `full_backup`: whether runs of this type make full backups where those of `fullBackup` do. Throws `UsageError`
 * for what is no run type.
 */
export function isFullRun(fullBackup: RunType, runType: RunType): boolean {
  return rankOf(fullBackup) <= rankOf(runType);
}

/**
 * The run type and all of longer intervals, shortest first: where a parent of its runs is looked for. Throws `UsageError`
 * for what is no run type.
 */
export function runTypesFrom(runType: RunType): readonly RunType[] {
  return RUN_TYPES.slice(rankOf(runType));
}
