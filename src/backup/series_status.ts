/**
 * Status: the newest good backup of each run type, for every series and host. It is derived from the backups on each
 * request, so nothing can be out of date.
 */
import { countedRunType, isRunType, type RunType, runTypesFrom } from "../base/run_type.ts";
import { isInFuture } from "../base/clock.ts";
import { goodOf, type Health } from "../policy/good_backup.ts";
import { nextBackupType } from "../policy/level/level_twindb.ts";
import { groupBySeriesAndHost } from "../policy/series_and_host.ts";
import { type Backup, sizeOf, startedMsOf, withoutDamagedCopies } from "./backup.ts";
import { healthsOf } from "./health.ts";
import { withoutInternal } from "./by_kind.ts";
import { type RestoreVerdict, verdictsOf } from "./restore_tests.ts";

export type { Health } from "../policy/good_backup.ts";

/** One backup of ours, or from another tool's list, with what a status needs. */
export interface StatusEntry {
  /** Its id: `Backup.id`, or the other tool's name for it. */
  readonly id: string;
  /** Its series. */
  readonly series: string;
  /** Its host. */
  readonly host: string;
  /** Its run type; null if it has none. */
  readonly runType: string | null;
  /** When it began, in milliseconds since 1970 UTC. */
  readonly startedMs: number;
  /** Its level; null if it was not recorded. */
  readonly level: number | null;
  /** Bytes of all streams. */
  readonly size: number | null;
  /** Whether one of its streams is marked as shrunk; absent if the streams were not compared. */
  readonly isShrunk?: boolean;
  /** How much of its source could not be read or changed meanwhile, in problems; absent if that was not recorded. */
  readonly problems?: number;
  /** The newest restore on trial of it; absent if there was none. */
  readonly restored?: RestoreVerdict;
  /** Whether it can be relied on; evaluated on demand. */
  readonly health: () => Health;
}

/** The kind of backup that the next run must make. */
export type NextType = "full" | "incremental";

/** The backups of one run type. */
export interface RunStatus {
  /** The run type; null for backups without one. */
  readonly runType: string | null;
  /**
   * The newest good backup, by the criteria for its series and host. A backup in the future counts only if all of them
   * are.
   */
  readonly latest: StatusEntry | null;
  /** Milliseconds since it began; negative if it began in the future. */
  readonly ageMs: number | null;
  /**
   * The health of `latest`, which is `unjudged` if no backup of the series is judged. Without a good backup: the health
   * of the newest.
   */
  readonly health: Health;
  /** The number of backups. */
  readonly backups: number;
  /** The number of broken backups newer than `latest`. */
  readonly broken: number;
  /** The number of newer backups without a stream or file. */
  readonly empty: number;
  /** The number of newer backups that could not be judged, if others of the series were judged whole. */
  readonly unjudged: number;
  /** The number of backups whose start lies in the future. */
  readonly inFuture: number;
  /** The kind of backup that the next run of this type must make. */
  readonly next: NextType;
  /** The newest restore on trial of any of these backups; null if there was none. */
  readonly restored: RestoreVerdict | null;
}

/** The status of a series on a host, with a line for each run type, the shortest interval first. */
export interface SeriesStatus {
  /** The series. */
  readonly series: string;
  /** The host. */
  readonly host: string;
  /** One for each run type. */
  readonly runs: readonly RunStatus[];
}

/** What the status is derived from, besides the backups. */
export interface StatusRules {
  readonly nowMs: number;
  /** Runs of this type and of longer intervals make full backups. Undefined: a backup continues the newest one. */
  readonly fullBackup: RunType | undefined;
}

/** The status of these backups, sorted by series and host. */
export function statusOf(entries: readonly StatusEntry[], rules: StatusRules): SeriesStatus[] {
  return sortedPlacesOf(entries).map((place) => {
    const { series, host } = place[0]!;
    const runs = [...Map.groupBy(place, ({ runType }) => runType).values()].sort(byRunType);
    const good = new Set(goodOf(place, {
      healthOf: (entry) => entry.health(),
      isInFuture: ({ startedMs }) => isInFuture(startedMs, rules.nowMs),
    }));
    return { series, host, runs: runs.map((run) => runStatus(run, { place, good, rules })) };
  });
}

/** The backups of each series on each host, newest first. */
function sortedPlacesOf(entries: readonly StatusEntry[]): StatusEntry[][] {
  const newestFirst = entries.toSorted((a, b) => b.startedMs - a.startedMs);
  const places = groupBySeriesAndHost(newestFirst);
  return places.sort(([a], [b]) => compareTexts(a!.series, b!.series) || compareTexts(a!.host, b!.host));
}

/** What the run types of one series and host have in common. */
interface RunContext {
  /** All backups of the series and host, newest first. */
  readonly place: readonly StatusEntry[];
  readonly good: ReadonlySet<StatusEntry>;
  readonly rules: StatusRules;
}

/** The status of one run type. `run` holds its backups, newest first. */
function runStatus(run: readonly StatusEntry[], { place, good, rules }: RunContext): RunStatus {
  const { runType } = run[0]!;
  const past = run.filter(({ startedMs }) => !isInFuture(startedMs, rules.nowMs));
  const inFuture = run.length - past.length;
  const candidates = past.length > 0 ? past : run;
  const firstGood = candidates.findIndex((entry) => good.has(entry));
  const latest = candidates[firstGood] ?? null;
  const passed = (firstGood < 0 ? candidates : candidates.slice(0, firstGood)).map((entry) => entry.health());
  const health = (latest ?? candidates[0]!).health();
  const countOf = (...healths: Health[]) => passed.filter((health) => healths.includes(health)).length;
  return {
    runType,
    latest,
    ageMs: latest === null ? null : rules.nowMs - latest.startedMs,
    health,
    backups: run.length,
    broken: countOf("broken"),
    empty: countOf("empty"),
    unjudged: countOf("unjudged", "unknown"),
    inFuture,
    next: nextType(runType, place, rules),
    restored: newestOf(run.flatMap(({ restored }) => restored ?? [])),
  };
}

function newestOf(verdicts: readonly RestoreVerdict[]): RestoreVerdict | null {
  return verdicts.toSorted((a, b) => b.startedMs - a.startedMs)[0] ?? null;
}

/**
 * Decides as `policy/level/level.ts` does for a put with these rules: backups in the future count only if all of them
 * are.
 */
function nextType(runType: string | null, place: readonly StatusEntry[], { fullBackup, nowMs }: StatusRules): NextType {
  const levels = place.filter(({ level }) => level !== null);
  const past = levels.filter(({ startedMs }) => !isInFuture(startedMs, nowMs));
  const usable = past.length > 0 ? past : levels;
  if (fullBackup === undefined || runType === null || !isRunType(runType)) {
    return usable[0] === undefined || usable[0].health() === "broken" ? "full" : "incremental";
  }
  const parents = runTypesFrom(runType);
  const fullCopyExists = usable.some((entry) => entry.level === 0 && parents.includes(countedRunType(entry.runType)));
  return nextBackupType({ fullBackup, runType, fullCopyExists });
}

function byRunType([a]: readonly StatusEntry[], [b]: readonly StatusEntry[]): number {
  return rankOf(a!.runType) - rankOf(b!.runType) || compareTexts(a!.runType ?? "", b!.runType ?? "");
}

/** The order of run types: known ones first, then unknown ones, and backups without a run type last. */
function rankOf(runType: string | null): number {
  if (runType === null) return Infinity;
  return isRunType(runType) ? -runTypesFrom(runType).length : 1;
}

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/**
 * Our backups and values as entries. They may be of any series and hosts, oldest first. What the program keeps for
 * itself becomes no entry.
 */
export function entriesOfBackups(backups: readonly Backup[]): StatusEntry[] {
  const verdicts = verdictsOf(backups);
  return groupBySeriesAndHost(withoutInternal(backups)).flatMap((group) => {
    const place = withoutDamagedCopies(group);
    const healths = healthsOf(place);
    return place.map((backup) => ({
      id: backup.id,
      series: backup.series,
      host: backup.host,
      runType: backup.info?.runType ?? null,
      startedMs: startedMsOf(backup),
      level: backup.info?.level ?? null,
      size: sizeOf(backup),
      ...(backup.info !== null && { isShrunk: backup.info.shrunk ?? false, problems: backup.info.problems ?? 0 }),
      ...verdicts.has(backup.id) && { restored: verdicts.get(backup.id)! },
      health: () => healths.get(backup)!,
    }));
  });
}
