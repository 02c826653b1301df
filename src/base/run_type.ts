/** Run types: how often runs of a kind are repeated. The order is TwinDB Backup's, the shortest interval first. */
import { UsageError } from "./errors.ts";

/** All run types, from the shortest interval to the longest. */
export const RUN_TYPES = ["hourly", "daily", "weekly", "monthly", "yearly"] as const;

/** One of `RUN_TYPES`. */
export type RunType = (typeof RUN_TYPES)[number];

/** Whether `text` names a run type. */
export function isRunType(text: string): text is RunType {
  return (RUN_TYPES as readonly string[]).includes(text);
}

/**
 * `text` as a run type. Throws `UsageError` if it is not one. Values from calling programs are checked, too, since
 * types do not exist at run time.
 */
export function parseRunType(text: string): RunType {
  if (!isRunType(text)) throw new UsageError(`Not a run type: "${text}"; it is one of ${RUN_TYPES.join(", ")}`);
  return text;
}

/** The position among all run types: the longer the interval, the higher. */
function rankOf(runType: RunType): number {
  return RUN_TYPES.indexOf(parseRunType(runType));
}

/**
 * The run type under which a backup counts in the rules. A missing or unknown one counts as hourly, which promises
 * least.
 */
export function countedRunType(runType: string | null): RunType {
  return runType !== null && isRunType(runType) ? runType : "hourly";
}

/**
 * TwinDB's `full_backup`: whether runs of type `runType` make full backups if full backups begin at `fullBackup`.
 * Throws `UsageError` for anything that is not a run type.
 */
export function isFullRun(fullBackup: RunType, runType: RunType): boolean {
  return rankOf(fullBackup) <= rankOf(runType);
}

/**
 * `runType` and all types with longer intervals, shortest first: the types among which a run's parent is searched.
 * Throws `UsageError` for anything that is not a run type.
 */
export function runTypesFrom(runType: RunType): readonly RunType[] {
  return RUN_TYPES.slice(rankOf(runType));
}
