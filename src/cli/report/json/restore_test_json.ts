/** Restores on trial in `--json` output. */
import * as v from "valibot";
import type { RestoreVerdict } from "../../../backup/restore_tests.ts";
import { formatTimestamp } from "../../../format/time.ts";
import type { RestoreReport } from "../../../ops/restore/verify_restore.ts";
import { count, flag, hex, list, object, orNull, seconds, text, time } from "./json_fields.ts";

/** A restore on trial. */
export const restoreTestMessage = v.strictObject({
  series: text("The series."),
  id: hex("The backup."),
  server: text("What it was restored into, with its version."),
  started: time("When the restore began."),
  seconds: seconds("How long restore and checks took."),
  passed: flag("Whether it was restored and every check was met."),
  rows: count("The rows of all tables."),
  tables: list(
    v.strictObject({ name: text("The table, with database and schema."), rows: count("Its rows.") }),
    "All tables; none if the restore failed.",
  ),
  queries: list(
    v.strictObject({
      sql: text("The query."),
      expected: text("What was expected."),
      value: orNull(text("What it gave."), "it gave no row"),
    }),
    "The queries that were asked.",
  ),
  problems: list(v.string(), "What is wrong with the backup; then the exit code is 4."),
  notes: list(v.string(), "What could not be looked at, or needs attention."),
  verdict: orNull(hex("The backup that holds the verdict."), "none was kept, because of `--no-lock`"),
});

/** Its JSON object. */
export function restoreTestJson(report: RestoreReport): v.InferOutput<typeof restoreTestMessage> {
  const { series, id, server, started, tookMs, tables, queries, problems, notes, verdict } = report;
  return {
    series,
    id,
    server,
    started,
    seconds: Math.round(tookMs) / 1000,
    passed: problems.length === 0,
    rows: tables.reduce((sum, { rows }) => sum + rows, 0),
    tables: tables.map(({ name, rows }) => ({ name, rows })),
    queries: queries.map(({ sql, expected, value }) => ({ sql, expected, value })),
    problems,
    notes,
    verdict,
  };
}

/** The newest restore on trial of a backup, within another message. */
export const verdictField = orNull(
  object({
    passed: flag("Whether it was restored and every check was met."),
    id: hex("The backup that was restored."),
    started: time("When."),
    seconds: seconds("How long it took."),
    rows: count("The rows of all tables."),
  }, "The newest restore on trial, by `agent verify --restore`."),
  "there was none",
);

/** Its JSON object. */
export function verdictJson(verdict: RestoreVerdict | null): v.InferOutput<typeof verdictField> {
  if (verdict === null) return null;
  const { of, hasPassed, startedMs, tookMs, rows } = verdict;
  const started = formatTimestamp(new Date(startedMs));
  return { passed: hasPassed, id: of, started, seconds: Math.round(tookMs) / 1000, rows };
}
