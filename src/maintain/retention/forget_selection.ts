/** Selects the backups of a retention run: by the filter of a policy, by the series of a rotation, or by name. */
import { IntegrityError, UsageError } from "../../base/errors.ts";
import { shortId } from "../../base/id.ts";
import type { Backup } from "../../backup/backup.ts";
import { keysAmong } from "../../backup/by_kind.ts";
import { healthsOf } from "../../backup/health.ts";
import { parseSelector, selectDespiteDamage, type SelectorPick } from "../../backup/naming/selector.ts";
import { verdictsOf } from "../../backup/restore_tests.ts";
import { isOrLiesBelow, unknownName } from "../../backup/naming/unknown_names.ts";
import { GATEWAY_SERIES, seriesKind } from "../../format/manifest/series.ts";
import { timestampOffsetMinutes, timestampToNanoseconds } from "../../format/time.ts";
import type { Health } from "../../policy/good_backup.ts";
import { hasTags, type KeepRules } from "../../policy/retention/retention.ts";
import type { GroupWord, PlannedBackup } from "../../policy/retention/retention_plan.ts";
import type { Rotation } from "../../policy/retention/retention_rotation.ts";
import { type DamagedSnapshot, damageWithAdvice } from "../../repository/snapshots.ts";

/**
 * The backups that a policy applies to. Absent fields match everything; without a series, only backups of data: no
 * values under keys, and no verdicts of restores on trial.
 */
export interface RetentionFilter {
  /** Any of these hosts. */
  readonly hosts?: readonly string[];
  /** Any of these series, or a series below one of them. */
  readonly series?: readonly string[];
  /** Whether the series below those named are left alone. */
  readonly exactSeries?: boolean;
  /** All of these paths, as in restic. */
  readonly paths?: readonly string[];
  /** A backup matches if it has all tags of one of these lists. The list `[""]` matches backups without tags. */
  readonly tags?: readonly (readonly string[])[];
}

/** What a retention run is asked to do. */
export type RetentionRequest =
  | {
    readonly kind: "policy";
    readonly rules: KeepRules;
    readonly filter: RetentionFilter;
    /** How to group the backups. If absent: by host and paths, as restic does. */
    readonly groupBy?: readonly GroupWord[];
  }
  | {
    readonly kind: "rotation";
    readonly series: string;
    readonly hosts?: readonly string[];
    readonly rotation: Rotation;
  }
  /** Exactly these backups, as `SERIES@SELECTOR` or `@ID`. */
  | { readonly kind: "backups"; readonly selectors: readonly string[] };

/** A backup in a plan. */
export interface RetentionBackup extends PlannedBackup {
  /** The backup itself. */
  readonly backup: Backup;
}

/** Backups in the form that retention needs, in the same order. */
export function candidatesOf(backups: readonly Backup[]): RetentionBackup[] {
  const healths = healthsOf(backups);
  const verdicts = verdictsOf(backups);
  return backups.map((backup) => ({
    ...candidateOf(backup, healths.get(backup)!),
    failedTrial: verdicts.get(backup.id)?.hasPassed === false,
  }));
}

function candidateOf(backup: Backup, health: Health): RetentionBackup {
  const { snapshot, snapshotId, series, host, info } = backup;
  return {
    id: snapshotId,
    time: { nanoseconds: timestampToNanoseconds(snapshot.time), offsetMinutes: timestampOffsetMinutes(snapshot.time) },
    tags: snapshot.tags,
    runType: info?.runType ?? null,
    series,
    host,
    paths: snapshot.paths,
    health,
    shrunk: info?.shrunk ?? false,
    backup,
  };
}

/**
 * The backups that a request selects, among all readable ones. Throws `UsageError` if the request names a backup that
 * does not exist, and `IntegrityError` if it names one that may be a snapshot that cannot be read.
 */
export function selectedBy(
  request: RetentionRequest,
  all: readonly RetentionBackup[],
  damaged: readonly DamagedSnapshot[],
): RetentionBackup[] {
  switch (request.kind) {
    case "policy": {
      const { filter } = request;
      for (const name of filter.series ?? []) refuseGateway(name);
      if (damaged.length === 0) refuseUnknown(all, filter);
      const fitting = all.filter((candidate) => fits(candidate, filter));
      const { series: [series] = [], exactSeries = false } = filter;
      if (exactSeries && series !== undefined && fitting.length === 0 && damaged.length === 0) {
        throw unknownSeries(all, series, filter.hosts);
      }
      return fitting;
    }
    case "rotation": {
      const { series, hosts } = request;
      refuseGateway(series);
      const fitting = all.filter((backup) => backup.series === series && (hosts?.includes(backup.host) ?? true));
      if (fitting.length === 0) throw unknownSeries(all, series, hosts);
      return fitting;
    }
    case "backups":
      return namedBy(request.selectors, all, damaged);
  }
}

/** How many keys with values a policy leaves out, because it names no series, though all else of it fits them. */
export function keysLeftOutBy(request: RetentionRequest, all: readonly RetentionBackup[]): number {
  if (request.kind !== "policy" || request.filter.series !== undefined) return 0;
  return keysAmong(all.filter((candidate) => fitsBesides(candidate, request.filter)));
}

/** Refuses a policy for the records of the gateway: without them, every signed URL would be worthless. */
function refuseGateway(series: string): void {
  if (!isOrLiesBelow(series, GATEWAY_SERIES)) return;
  throw new UsageError(`No policy applies to "${series}": without its records, no signed URL is valid any more`);
}

/** Refuses names that no backup has. Otherwise a mistyped policy would silently remove nothing, night after night. */
function refuseUnknown(all: readonly RetentionBackup[], filter: Pick<RetentionFilter, "series" | "hosts">): void {
  const problem = unknownName(all, filter);
  if (problem !== null) throw new UsageError(problem);
}

/** The error for a series that is meant without those below it, and that has no backup. */
function unknownSeries(all: readonly RetentionBackup[], series: string, hosts?: readonly string[]): UsageError {
  const problem = unknownName(all, { series: [series], ...hosts && { hosts } });
  return new UsageError(problem ?? `There is no backup of "${series}" itself; "agent ls" shows what there is`);
}

function fits(candidate: RetentionBackup, filter: RetentionFilter): boolean {
  const { series } = candidate;
  const kind = seriesKind(series);
  return kind !== "gateway" && (filter.series?.some((name) => isMeant(series, name, filter)) ?? kind === "backup") &&
    fitsBesides(candidate, filter);
}

/** Whether a backup fits a filter apart from its series. */
function fitsBesides({ host, paths, tags }: RetentionBackup, filter: RetentionFilter): boolean {
  return (filter.hosts === undefined || filter.hosts.includes(host)) &&
    (filter.paths ?? []).every((path) => paths.includes(path)) &&
    (filter.tags === undefined || filter.tags.some((wanted) => hasTags(tags, wanted)));
}

function isMeant(series: string, name: string, { exactSeries = false }: RetentionFilter): boolean {
  return exactSeries ? series === name : isOrLiesBelow(series, name);
}

function namedBy(
  selectors: readonly string[],
  all: readonly RetentionBackup[],
  damaged: readonly DamagedSnapshot[],
): RetentionBackup[] {
  const backups = all.map(({ backup }) => backup);
  const named = new Set(selectors.map((text) => {
    const selector = parseSelector(text);
    refuseDamaged(selector.pick, damaged);
    return selectDespiteDamage(backups, damaged, { selector, text });
  }));
  return all.filter(({ backup }) => named.has(backup));
}

function refuseDamaged(pick: SelectorPick, damaged: readonly DamagedSnapshot[]): void {
  if (pick.kind !== "id") return;
  const found = damaged.find(({ id }) => id.startsWith(pick.prefix));
  if (found === undefined) return;
  throw new IntegrityError(
    `Snapshot ${shortId(found.id)} cannot be read, so nobody can tell what would be lost: ${
      damageWithAdvice(found).message
    }`,
    { cause: found.error },
  );
}
