/** What came of a restore on trial, in one phrase: `restored 2026-11-27, 41 s, 60,000 rows`. */
import { formatDuration } from "../../base/text/duration.ts";
import { formatLocalTime } from "../../base/text/local_time.ts";
import type { RestoreVerdict } from "../../backup/restore_tests.ts";

/** As in 2026-11-27. */
const DATE_LENGTH = 10;

/** A verdict for people. */
export function verdictText({ hasPassed, startedMs, tookMs, rows }: RestoreVerdict): string {
  const day = formatLocalTime(new Date(startedMs)).slice(0, DATE_LENGTH);
  if (!hasPassed) return `restore failed ${day}`;
  return `restored ${day}, ${formatDuration(tookMs)}, ${rowsText(rows)}`;
}

/** A number of rows for people. */
export function rowsText(rows: number): string {
  return rows === 1 ? "1 row" : `${rows.toLocaleString("en-US")} rows`;
}
