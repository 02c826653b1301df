/** The status as a table for people, as objects for programs, and as the one line that a monitor shows. */
import { formatDuration } from "../../base/text/duration.ts";
import { formatSize } from "../../base/text/size.ts";
import type { RunStatus, SeriesStatus } from "../../backup/series_status.ts";
import type { LeftOut } from "../../compat/twindb/status_twindb.ts";
import { formatTimestamp } from "../../format/time.ts";
import type { StatusReport } from "../../ops/status.ts";
import type { ExpectationVerdict } from "../../policy/expectation.ts";
import { type Column, formatCount, formatTime } from "../terminal/write.ts";

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

function healthText({ health, latest, broken, empty, unjudged, inFuture }: RunStatus, overdue: boolean): string {
  const remarks = [
    ...(overdue ? ["overdue"] : []),
    // That the newest is all right is no comfort where it is too old.
    ...(overdue && health === "ok" ? [] : [health === "unjudged" ? "not judged" : health]),
    ...(latest?.isShrunk ? ["shrunk"] : []),
    ...(latest !== null && broken > 0 ? [`${broken} newer broken`] : []),
    ...(latest !== null && empty > 0 ? [`${empty} newer empty`] : []),
    ...(latest !== null && unjudged > 0 ? [`${unjudged} newer not judged`] : []),
    ...(inFuture > 0 ? [`${inFuture} in the future`] : []),
  ];
  return remarks.join(", ");
}

function isOverdue({ series, host }: SeriesStatus, { runType }: RunStatus, verdicts: readonly ExpectationVerdict[]) {
  return verdicts.some((verdict) =>
    verdict.isOverdue && verdict.series === series && verdict.host === host &&
    (verdict.expectation.runType === null || verdict.expectation.runType === runType)
  );
}

/**
 * One object for each series and host, with what was expected of it; expectations of a series that has no backup follow
 * with objects of their own, without runs. Series and host are null where an expectation of every one of them found none.
 */
export function statusJson({ rows, verdicts }: StatusReport) {
  const isOf = (verdict: ExpectationVerdict, { series, host }: SeriesStatus) =>
    verdict.series === series && verdict.host === host;
  const known = rows.map((row) => ({
    series: row.series,
    host: row.host,
    runs: row.runs.map(runJson),
    expectations: verdicts.filter((verdict) => isOf(verdict, row)).map(verdictJson),
  }));
  const missing = verdicts.filter((verdict) => !rows.some((row) => isOf(verdict, row)));
  return [
    ...known,
    ...missing.map((verdict) => ({
      series: verdict.series,
      host: verdict.host,
      runs: [],
      expectations: [verdictJson(verdict)],
    })),
  ];
}

function runJson({ runType, latest, ageMs, health, next, backups, ...counts }: RunStatus) {
  const { broken, empty, unjudged, inFuture } = counts;
  return {
    runType,
    id: latest?.id ?? null,
    started: latest === null ? null : formatTimestamp(new Date(latest.startedMs)),
    ageSeconds: secondsOf(ageMs),
    level: latest?.level ?? null,
    size: latest?.size ?? null,
    shrunk: latest?.isShrunk ?? null,
    next,
    health,
    backups,
    broken,
    empty,
    unjudged,
    inFuture,
  };
}

function verdictJson({ expectation, ageMs, isOverdue }: ExpectationVerdict) {
  return {
    expected: expectation.text,
    limitSeconds: secondsOf(expectation.spanMs),
    ageSeconds: secondsOf(ageMs),
    overdue: isOverdue,
  };
}

function secondsOf(ms: number | null): number | null {
  return ms === null ? null : Math.round(ms / 1000);
}

/** `Left out: 3 backups that are not whole streams of MySQL or MariaDB (pg_dump: 2, broken: 1)`. */
export function leftOutLine(leftOut: readonly LeftOut[]): string {
  const total = leftOut.reduce((sum, { backups }) => sum + backups, 0);
  const what = total === 1 ? "that is not a whole stream" : "that are not whole streams";
  const reasons = leftOut.map(({ reason, backups }) => `${reason}: ${backups}`).join(", ");
  return `Left out: ${formatCount(total, "backup")} ${what} of MySQL or MariaDB (${reasons})`;
}

/** A line names so many; the table has all of them. */
const NAMED_IN_LINE = 5;

/** `OVERDUE prod/shop@db1 30 h old (26 h)` or `OK 3 expectations met`, on one line. */
export function verdictLine(verdicts: readonly ExpectationVerdict[]): string {
  const overdue = verdicts.filter((verdict) => verdict.isOverdue);
  if (overdue.length === 0) return `OK ${formatCount(verdicts.length, "expectation")} met`;
  const named = overdue.slice(0, NAMED_IN_LINE).map(overdueText).join("; ");
  const more = overdue.length - NAMED_IN_LINE;
  return `OVERDUE ${named}${more > 0 ? `; and ${more} more` : ""}`;
}

function overdueText({ expectation, series, host, ageMs }: ExpectationVerdict): string {
  const runType = expectation.runType === null ? "" : `:${expectation.runType}`;
  const whom = `${series ?? "all series"}${host === null ? "" : `@${host}`}${runType}`;
  const limit = formatDuration(expectation.spanMs);
  return ageMs === null
    ? `${whom} no good backup (at most ${limit})`
    : `${whom} ${formatDuration(ageMs)} (at most ${limit})`;
}
