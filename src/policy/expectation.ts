/** Expectations: how old the newest backup may be, and which expectations are not met. Pure: times in, verdicts out. */
import { UsageError } from "../base/errors.ts";
import { parseSpan } from "../base/text/duration.ts";
import { isRunType, type RunType } from "../base/run_type.ts";
import { isInFuture } from "../base/clock.ts";
import { groupBySeriesAndHost } from "./series_and_host.ts";

/** The expectation that a newest backup is no older than a span. A field that is null matches everything. */
export interface Expectation {
  /** The text as the user wrote it. */
  readonly text: string;
  /** The series; null for every series. */
  readonly series: string | null;
  /** The host; null for every host. */
  readonly host: string | null;
  /** The run type; null if a backup of any run type counts. */
  readonly runType: RunType | null;
  /** How old the newest backup may be, in milliseconds. */
  readonly spanMs: number;
}

/** The newest backup of one run type, series and host. */
export interface Evidence {
  readonly series: string;
  readonly host: string;
  readonly runType: string | null;
  /** When the newest good backup was begun, in milliseconds since 1970 UTC; null if no backup is good. */
  readonly startedMs: number | null;
}

/** The outcome of an expectation for one series on one host. */
export interface ExpectationVerdict {
  /** What was expected. */
  readonly expectation: Expectation;
  /** Null if the expectation is about every series, and there is none. */
  readonly series: string | null;
  /** Null if the expectation names no host, and no host has such a backup. */
  readonly host: string | null;
  /** Age of the newest backup that counts, or null if there is none. */
  readonly ageMs: number | null;
  /** Whether the expectation is not met. */
  readonly isOverdue: boolean;
}

/** Parses `[SERIES][@HOST][:RUNTYPE]=SPAN`. A span alone applies to every series. Throws `UsageError`. */
export function parseExpectation(text: string): Expectation {
  const [, whom = "", span] = /^(?:(.*)=)?([^=]*)$/s.exec(text)!;
  const spanMs = parseSpanOf(text, span!);
  const [, before, runTypeText] = /^(.*):([a-z]+)$/s.exec(whom) ?? [];
  const runType = runTypeText !== undefined && isRunType(runTypeText) ? runTypeText : null;
  const place = runType === null ? whom : before!;
  const at = place.indexOf("@");
  const series = at < 0 ? place : place.slice(0, at);
  const host = at < 0 ? null : place.slice(at + 1);
  if (host === "") {
    throw new UsageError(`Not an expectation: "${text}": a host must follow the @, as in prod/shop@db1=26h`);
  }
  return { text, series: series === "" ? null : series, host, runType, spanMs };
}

function parseSpanOf(text: string, span: string): number {
  try {
    return parseSpan(span);
  } catch (error) {
    const example = `write for example prod/shop=26h, prod/shop@db1:daily=26h, or 26h for every series`;
    throw new UsageError(`Not an expectation: "${text}": ${example}`, { cause: error });
  }
}

/**
 * Judges each expectation, in the order given, for each series and host that it matches. Without a host, it applies to
 * every host that has backups of the series. It is overdue if no backup matches it at all. Backups from the future do
 * not count: a wrong clock must not hide that backups have stopped.
 */
export function judgeExpectations(
  expectations: readonly Expectation[],
  evidence: readonly Evidence[],
  nowMs: number,
): ExpectationVerdict[] {
  return expectations.flatMap((expectation) => {
    const about = groupBySeriesAndHost(evidence.filter((backup) => isAbout(expectation, backup)));
    if (about.length === 0) return [missing(expectation)];
    return about.map((backups) => judge(expectation, backups, nowMs));
  });
}

function isAbout({ series, host }: Expectation, backup: Evidence): boolean {
  return (series === null || series === backup.series) && (host === null || host === backup.host);
}

function missing(expectation: Expectation): ExpectationVerdict {
  const { series, host } = expectation;
  return { expectation, series, host, ageMs: null, isOverdue: true };
}

function judge(expectation: Expectation, backups: readonly Evidence[], nowMs: number): ExpectationVerdict {
  const { series, host } = backups[0]!;
  const times = backups
    .filter(({ runType }) => expectation.runType === null || expectation.runType === runType)
    .map(({ startedMs }) => startedMs)
    .filter((startedMs): startedMs is number => startedMs !== null && !isInFuture(startedMs, nowMs));
  if (times.length === 0) return { expectation, series, host, ageMs: null, isOverdue: true };
  const ageMs = Math.max(0, nowMs - times.reduce((newest, startedMs) => Math.max(newest, startedMs)));
  return { expectation, series, host, ageMs, isOverdue: ageMs > expectation.spanMs };
}
