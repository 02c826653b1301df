/** The status as a table for people, and as one line for monitors. */
import { formatDuration } from "../../../base/text/duration.ts";
import { didYouMean } from "../../../base/text/nearest_name.ts";
import { formatSize } from "../../../base/text/size.ts";
import { verdictText } from "../restored_backup.ts";
import type { RunStatus, SeriesStatus } from "../../../backup/series_status.ts";
import type { LeftOut } from "../../../compat/twindb/status_twindb.ts";
import { seriesKind } from "../../../format/manifest/series.ts";
import type { StatusReport } from "../../../ops/status.ts";
import type { ExpectationVerdict } from "../../../policy/expectation.ts";
import { type Column, formatCount, formatTime } from "../../terminal/write.ts";

/** The columns of `statusRows`. */
export const STATUS_COLUMNS: readonly Column[] = [
  { title: "SERIES", align: "left", kind: "name" },
  { title: "HOST", align: "left", kind: "name", rank: 2, tellsApart: true },
  { title: "RUN", align: "left", rank: 1, tellsApart: true },
  { title: "LATEST", align: "left", rank: 0 },
  { title: "AGE", align: "right" },
  { title: "LEVEL", align: "right", rank: 5 },
  { title: "SIZE", align: "right", rank: 3 },
  { title: "NEXT", align: "left", rank: 4 },
  { title: "HEALTH", align: "left", kind: "text" },
];

/** A row for each series, host and run type. */
export function statusRows({ rows, verdicts }: StatusReport): string[][] {
  return rows.flatMap((row) => row.runs.map((run) => cells(row, run, isOverdue(row, run, verdicts))));
}

function cells({ series, host }: SeriesStatus, run: RunStatus, overdue: boolean): string[] {
  const { runType, latest, ageMs, next } = run;
  return [
    series,
    host,
    runType ?? "-",
    latest === null ? "-" : formatTime(new Date(latest.startedMs)),
    ageMs === null ? "-" : formatAge(ageMs),
    String(latest?.level ?? "-"),
    typeof latest?.size === "number" ? formatSize(latest.size) : "-",
    next,
    healthText(run, overdue),
  ];
}

function formatAge(ageMs: number): string {
  return ageMs < 0 ? `in ${formatDuration(-ageMs)}` : formatDuration(ageMs);
}

function healthText(
  { health, latest, broken, empty, unjudged, inFuture, restored }: RunStatus,
  overdue: boolean,
): string {
  const remarks = [
    ...(overdue ? ["overdue"] : []),
    // "ok" is left out for an overdue run, because the newest backup is too old, and for a backup in part.
    ...(health === "ok" && (overdue || latest?.problems) ? [] : [health === "unjudged" ? "not judged" : health]),
    ...(latest?.isShrunk ? ["shrunk"] : []),
    ...(latest?.problems ? ["in part"] : []),
    ...(latest !== null && broken > 0 ? [`${broken} newer broken`] : []),
    ...(latest !== null && empty > 0 ? [`${empty} newer empty`] : []),
    ...(latest !== null && unjudged > 0 ? [`${unjudged} newer not judged`] : []),
    ...(inFuture > 0 ? [`${inFuture} in the future`] : []),
    ...(restored === null ? [] : [verdictText(restored)]),
  ];
  return remarks.join(", ");
}

function isOverdue({ series, host }: SeriesStatus, { runType }: RunStatus, verdicts: readonly ExpectationVerdict[]) {
  return verdicts.some((verdict) =>
    verdict.isOverdue && verdict.series === series && verdict.host === host &&
    (verdict.expectation.runType === null || verdict.expectation.runType === runType)
  );
}

/** For example `Left out: 3 backups that are not whole streams of MySQL or MariaDB (pg_dump: 2, broken: 1)`. */
export function leftOutLine(leftOut: readonly LeftOut[]): string {
  const total = leftOut.reduce((sum, { backups }) => sum + backups, 0);
  const what = total === 1 ? "that is not a whole stream" : "that are not whole streams";
  const reasons = leftOut.map(({ reason, backups }) => `${reason}: ${backups}`).join(", ");
  return `Left out: ${formatCount(total, "backup")} ${what} of MySQL or MariaDB (${reasons})`;
}

/** The most overdue expectations that the line names; the table has all. */
const NAMED_IN_LINE = 5;

/**
 * `OVERDUE prod/shop@db1 30 h (at most 26 h)` or `OK 3 expectations met`, on one line. An expected series that has no
 * backup comes with the most similar name.
 */
export function verdictLine({ rows, verdicts }: Pick<StatusReport, "rows" | "verdicts">): string {
  const overdue = verdicts.filter((verdict) => verdict.isOverdue);
  if (overdue.length === 0) return `OK ${formatCount(verdicts.length, "expectation")} met`;
  // Rows do not tell which keys have values and which series were restored on trial.
  const known = new Set(rows.map(({ series }) => series).filter((series) => seriesKind(series) === "backup"));
  const named = overdue.slice(0, NAMED_IN_LINE).map((verdict) => overdueText(verdict, known)).join("; ");
  const more = overdue.length - NAMED_IN_LINE;
  return `OVERDUE ${named}${more > 0 ? `; and ${more} more` : ""}`;
}

function overdueText({ expectation, series, host, ageMs }: ExpectationVerdict, known: ReadonlySet<string>): string {
  const runType = expectation.runType === null ? "" : `:${expectation.runType}`;
  const whom = `${series ?? "all series"}${host === null ? "" : `@${host}`}${runType}`;
  const limit = formatDuration(expectation.spanMs);
  if (ageMs !== null) return `${whom} ${formatDuration(ageMs)} (at most ${limit})`;
  const isUnknown = series !== null && seriesKind(series) === "backup" && !known.has(series);
  const meant = isUnknown ? didYouMean(series, known) : "";
  return `${whom} no good backup (at most ${limit}${meant})`;
}
