/**
 * The status as one line for monitors, followed by numbers for their graphs, in the form of the guidelines for Nagios
 * plugins: `TEXT | 'label'=value[unit];[warn];[crit];[min] …`.
 */
import type { StatusReport } from "../../../ops/status.ts";
import type { ExpectationVerdict } from "../../../policy/expectation.ts";
import { verdictLine } from "./status_text.ts";
import { printable } from "../../terminal/terminal_text.ts";

/**
 * For example `OK 1 expectation met | 'prod/shop@db1'=37800s;;93600;0 'prod/shop@db1 size'=4096B;;;0`: ages and sizes
 * by series.
 */
export function monitorLine(report: StatusReport): string {
  const { verdicts } = report;
  return `${withoutMark(verdictLine(report))} | ${
    strictest(verdicts).flatMap((verdict) => numbers(verdict, report)).join(" ")
  }`;
}

/** The expectation with the shortest duration for each label, because a label must not occur twice. */
function strictest(verdicts: readonly ExpectationVerdict[]): ExpectationVerdict[] {
  return [...Map.groupBy(verdicts, labelOf).values()].map((same) =>
    same.reduce((strict, other) => other.expectation.spanMs < strict.expectation.spanMs ? other : strict)
  );
}

/** The age of the newest good backup with its limit, and the size of that backup. An unknown age is `U`. */
function numbers(verdict: ExpectationVerdict, report: StatusReport): string[] {
  const label = labelOf(verdict);
  const { ageMs, expectation: { spanMs } } = verdict;
  const size = sizeOf(verdict, report);
  const age = ageMs === null ? "U" : `${Math.floor(ageMs / 1000)}s`;
  return [
    `${quoted(label)}=${age};;${Math.floor(spanMs / 1000)};0`,
    ...size === null ? [] : [`${quoted(`${label} size`)}=${size}B;;;0`],
  ];
}

function labelOf({ series, host, expectation: { runType } }: ExpectationVerdict): string {
  return `${series ?? "all series"}${host === null ? "" : `@${host}`}${runType === null ? "" : `:${runType}`}`;
}

function sizeOf({ series, host, ageMs, expectation }: ExpectationVerdict, { rows }: StatusReport): number | null {
  if (ageMs === null) return null;
  const runs = rows.filter((row) => row.series === series && row.host === host).flatMap((row) => row.runs)
    .filter(({ runType }) => expectation.runType === null || expectation.runType === runType);
  // A verdict's age is never negative. A run's age can be, if a clock is slightly wrong.
  return runs.find((run) => run.ageMs !== null && Math.max(0, run.ageMs) === ageMs)?.latest?.size ?? null;
}

/** A label in single quotes. Quotes in it are doubled, and an equals sign is escaped because it would end the label. */
function quoted(label: string): string {
  return `'${withoutMark(label).replaceAll("'", "''").replaceAll("=", "\\x3d")}'`;
}

/** Printable text without `|`, which introduces the numbers. */
export function withoutMark(text: string): string {
  return printable(text).replaceAll("|", "\\x7c");
}
