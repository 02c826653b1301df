/**
 * Status: of every series on every host the newest good backup of each run type. It is derived from the backups each time
 * it is asked for; nothing is kept that could be out of date.
 */
import { countedRunType, isRunType, type RunType, runTypesFrom } from "../base/run_type.ts";
import { isInFuture } from "../base/clock.ts";
import { goodOf, type Health } from "../policy/good_backup.ts";
import { nextBackupType } from "../policy/level/level_twindb.ts";
import { groupBySeriesAndHost } from "../policy/series_and_host.ts";
import { type Backup, sizeOf, startedMsOf, withoutDamagedCopies } from "./backup.ts";
import { healthsOf } from "./health.ts";

export type { Health } from "../policy/good_backup.ts";

/** One backup, ours or out of another tool's list, as far as a status is about it. */
export interface StatusEntry {
  /** Names it: as `Backup.id`, or as the other tool calls it. */
  readonly id: string;
  /** Its series. */
  readonly series: string;
  /** Its host. */
  readonly host: string;
  /** Its run type; null where it has none. */
  readonly runType: string | null;
  /** When it was begun, in milliseconds since 1970 UTC. */
  readonly startedMs: number;
  /** Its level; null where nobody wrote one down. */
  readonly level: number | null;
  /** Bytes of all streams. */
  readonly size: number | null;
  /** Whether a stream of it is marked as shrunk; absent where nobody compared. */
  readonly isShrunk?: boolean;
  /** Whether it can be relied on; found out when it is asked for. */
  readonly health: () => Health;
}

/** What the next run has to make. */
export type NextType = "full" | "incremental";

/** The backups of one run type. */
export interface RunStatus {
  /** The run type; null for backups without one. */
  readonly runType: string | null;
  /**
   * The newest good one, by what counts as good in its series on this host, that is not in the future; the newest in the
   * future where there are only such.
   */
  readonly latest: StatusEntry | null;
  /** Milliseconds since it was begun, negative where that lies in the future. */
  readonly ageMs: number | null;
  /** That of `latest`, `unjudged` where no backup of the series is judged; that of the newest where there is no good one. */
  readonly health: Health;
  /** How many there are. */
  readonly backups: number;
  /** How many broken ones are newer than `latest`. */
  readonly broken: number;
  /** How many newer ones hold no stream. */
  readonly empty: number;
  /** How many newer ones nobody could judge, where others of the series were judged whole. */
  readonly unjudged: number;
  /** How many claim to be begun in the future. */
  readonly inFuture: number;
  /** What the next run of this type has to make. */
  readonly next: NextType;
}

/** A series on a host, with a line for each run type it has backups of, the shortest interval first. */
export interface SeriesStatus {
  /** The series. */
  readonly series: string;
  /** The host. */
  readonly host: string;
  /** One for each run type. */
  readonly runs: readonly RunStatus[];
}

/** By what the status is derived. */
export interface StatusRules {
  readonly nowMs: number;
  /** Runs of this type and of longer intervals make full backups; undefined: a backup continues the newest one. */
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

/** What a run type has in common with the others of its series and host. */
interface RunContext {
  /** All backups of the series and host, newest first. */
  readonly place: readonly StatusEntry[];
  readonly good: ReadonlySet<StatusEntry>;
  readonly rules: StatusRules;
}

/** `run`: backups of one type, newest first. */
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
  };
}

/** As `policy/level/level.ts` decides for a put with these rules: by what is not in the future, where there is anything else. */
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

/** Run types that we do not know come behind those that we do, and backups without one come last. */
function rankOf(runType: string | null): number {
  if (runType === null) return Infinity;
  return isRunType(runType) ? -runTypesFrom(runType).length : 1;
}

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Our backups as entries; they may be of any series and hosts, oldest first. */
export function entriesOfBackups(backups: readonly Backup[]): StatusEntry[] {
  return groupBySeriesAndHost(backups).flatMap((group) => {
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
      ...(backup.info !== null && { isShrunk: backup.info.shrunk ?? false }),
      health: () => healths.get(backup)!,
    }));
  });
}
