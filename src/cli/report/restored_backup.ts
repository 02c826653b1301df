/** How a restore tells which backup it restored, and how the verdict of a restore on trial reads. */
import { formatDuration } from "../../base/text/duration.ts";
import { formatLocalTime } from "../../base/text/local_time.ts";
import type { RestoreVerdict } from "../../backup/restore_tests.ts";
import type { Backup } from "../../backup/backup.ts";
import { shortId } from "../../base/id.ts";
import { formatCount, formatTime } from "../terminal/write.ts";

/**
 * One line about the backup that was restored. "Latest" may be of any host, so people must see the host and the time,
 * and whether the backup held all of its source.
 */
export function restoredBackupLine({ id, host, started, info }: Backup): string {
  const line = `Backup ${shortId(id)} of ${host}, begun ${formatTime(new Date(started))}`;
  const problems = info?.problems ?? 0;
  if (problems === 0) return line;
  return `${line}, in part: ${formatCount(problems, "part")} of its source could not be read or changed meanwhile`;
}

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
