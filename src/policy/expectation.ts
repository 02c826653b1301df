/** Expectations: how old the newest backup may be, and which ones are not met. Pure: times come in, verdicts go out. */
import { UsageError } from "../base/errors.ts";
import { parseSpan } from "../base/text/duration.ts";
import { isRunType, type RunType } from "../base/run_type.ts";
import { isInFuture } from "../base/clock.ts";
import { groupBySeriesAndHost } from "./series_and_host.ts";

/** That somebody's newest backup is no older than a span. What is null stands for each one there is. */
export interface Expectation {
  /** As it was given. */
  readonly text: string;
  /** Of which series. */
  readonly series: string | null;
  /** On which host. */
  readonly host: string | null;
  /** Null where a backup of any run type will do. */
  readonly runType: RunType | null;
  /** How old the newest backup may be, in milliseconds. */
  readonly spanMs: number;
}

/** What there is of one run type of a series on a host. */
export interface Evidence {
  readonly series: string;
  readonly host: string;
  readonly runType: string | null;
  /** When the newest good backup was begun, in milliseconds since 1970 UTC; null where no backup is good. */
  readonly startedMs: number | null;
}

/** What became of an expectation for one series on one host. */
export interface ExpectationVerdict {
  /** What was expected. */
  readonly expectation: Expectation;
  /** Null where an expectation of every series found none at all. */
  readonly series: string | null;
  /** Null where no host has such a backup, and none was named. */
  readonly host: string | null;
  /** Age of the newest backup that counts, or null where there is none. */
  readonly ageMs: number | null;
  /** Whether it is not met. */
  readonly isOverdue: boolean;
}

/**
 * Takes `[SERIES][@HOST][:RUNTYPE]=SPAN` apart; a span alone is expected of every series. Throws `UsageError`.
 */
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
    throw new UsageError(`Not an expectation: "${text}": behind the @ goes a host, as in prod/shop@db1=26h`);
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
 * Judges each expectation for each series and host that it is about, in the order given. An expectation of a series
 * without a host is about every host that has backups of it. A named series or host without any backup is overdue, and so
 * is an expectation of every series where there are none. Backups in the future count as little as none: a clock that is
 * wrong, here or there, must not hide that backups stopped.
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
