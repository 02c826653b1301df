/** Removes backups for an agent: one, those that are too old, those that a rotation or a policy does not keep. */
import type { Backup } from "../../backup/backup.ts";
import { UsageError } from "../../base/errors.ts";
import { parseAgeSpan } from "../../base/text/duration.ts";
import { isOfRestoreTests, parseSeries } from "../../format/manifest/series.ts";
import { DEFAULT_PRUNE_LIMITS, type PruneLimits } from "../../maintain/prune/prune_plan.ts";
import {
  forget,
  type ForgetResult,
  type Forgotten,
  type RetentionFilter,
  type RetentionRequest,
} from "../../ops/forget.ts";
import type { PruneProgress } from "../../ops/prune.ts";
import { DEFAULT_ROTATION, type Rotation } from "../../policy/retention/retention_rotation.ts";
import { removedBy } from "../events/removal.ts";
import type { ActionTools } from "../opening/agent_calls.ts";
import type { CallOptions } from "../opening/agent_parts.ts";

/** How backups are removed. */
export interface RemovalOptions extends CallOptions {
  /** Whether even the newest backup and the last good one of a series may be removed. */
  readonly allowLast?: boolean;
  /** Whether snapshots that cannot be read, whose series is unknown, are passed over. They are never removed. */
  readonly skipUnreadable?: boolean;
  /** Whether nothing is removed, and the result is what would be. */
  readonly isDry?: boolean;
  /** Whether the space is freed in the same run, and within which limits. */
  readonly prune?: boolean | Partial<PruneLimits>;
  /** Called as the prune proceeds. */
  readonly onProgress?: (progress: PruneProgress) => void;
}

/** Which backups of a series are removed. */
export interface SeriesRemovalOptions extends RemovalOptions {
  /** Only backups of this host. */
  readonly host?: string;
}

/** Which backups a policy keeps, among which ones. */
export type ForgetPolicy =
  & Omit<Extract<RetentionRequest, { kind: "policy" }>, "kind" | "filter">
  & { readonly filter?: RetentionFilter };

/** What of a rotation is not as usual. */
export type RotationOptions = Partial<Rotation> & SeriesRemovalOptions;

/** Removes what a request says. */
export async function removeBackups(
  request: RetentionRequest,
  { allowLast = false, skipUnreadable = false, isDry = false, prune, onProgress }: RemovalOptions,
  { parts: { access, world }, signal, session: { begin, done } }: ActionTools,
): Promise<ForgetResult> {
  const limits = prune === undefined || prune === false
    ? undefined
    : { ...DEFAULT_PRUNE_LIMITS, ...prune === true ? {} : prune };
  let forgotten: Forgotten | undefined;
  try {
    return await forget(access, request, {
      world,
      signal,
      begin,
      dryRun: isDry,
      allowLast,
      skipUnreadable,
      onForgotten: (removed) => void (forgotten = removed),
      ...limits && { prune: { limits, ...onProgress && { onProgress } } },
    });
  } catch (error) {
    // What was removed is gone, although the prune failed.
    if (forgotten !== undefined) await done(removedBy(request, forgotten));
    throw error;
  }
}

/** The backups that were removed, without the verdicts of restores on trial that went with them. */
export function removedOf({ groups }: ForgetResult): Backup[] {
  return groups.flatMap(({ remove }) => remove.map(({ backup }) => backup))
    .filter(({ series }) => !isOfRestoreTests(series));
}

/** Everything of a series, and not of those below it, that began longer ago than an interval such as `3M2D8h20m5s`. */
export function olderThan(series: string, interval: string, { host }: SeriesRemovalOptions): RetentionRequest {
  return {
    kind: "policy",
    rules: { notOlderThan: parseAgeSpan(interval) },
    filter: { series: [parseSeries(series)], exactSeries: true, ...host !== undefined && { hosts: [host] } },
  };
}

/** Everything of a series that a rotation does not keep. Throws `UsageError` for counts that make no sense. */
export function rotatedOut(
  series: string,
  { host, ...options }: RotationOptions,
  usual: Partial<Rotation>,
): RetentionRequest {
  const { days, weeks, months, years, firstWeekDay } = { ...DEFAULT_ROTATION, ...usual, ...options };
  for (const [name, count] of Object.entries({ days, weeks, months, years })) {
    if (count === Infinity || Number.isSafeInteger(count) && count >= 0) continue;
    throw new UsageError(`Not a number of ${name} to keep: ${count}; give a whole number`);
  }
  if (!Number.isSafeInteger(firstWeekDay) || firstWeekDay < 0 || firstWeekDay > 6) {
    throw new UsageError(`Not a day of the week: ${firstWeekDay}; give 0 for Monday to 6 for Sunday`);
  }
  return {
    kind: "rotation",
    series: parseSeries(series),
    rotation: { days, weeks, months, years, firstWeekDay },
    ...host !== undefined && { hosts: [host] },
  };
}
