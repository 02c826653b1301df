/** The progress and the result of a copy, or its plan in a dry run. */
import { shortId } from "../../base/id.ts";
import { formatDuration } from "../../base/text/duration.ts";
import { formatSize } from "../../base/text/size.ts";
import { sizeOf } from "../../backup/backup.ts";
import { timestampToDate } from "../../format/time.ts";
import type { CopiedBackup, CopyProgress, CopyResult, UncopiedBackup } from "../../ops/copy.ts";
import type { CliContext } from "../context.ts";
import { type Column, formatCount, formatTime, writeJson, writeLine, writeTable } from "../terminal/write.ts";
import { copiedBackupJson, copySummaryJson, uncopiedBackupJson } from "./json/copy_json.ts";
import type { ProgressStep } from "./progress_wording.ts";
import { writeWarning } from "./warning.ts";

/** The form of the report. */
interface CopyReportStyle {
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly dryRun?: boolean;
}

/** The progress of a copy as a step. */
export function copyStep({ done, total, bytesRead }: CopyProgress): ProgressStep {
  const which = Math.min(done + 1, total);
  const label = { long: `backup ${which} of ${total}`, short: `${which}/${total}` };
  return { phase: "copy", label, unit: "bytes", done: bytesRead };
}

/**
 * Writes what was done in `seconds`, or the plan of a dry run. With `json`: an object for each backup that was or was
 * not copied, and a summary.
 */
export async function reportCopy(
  result: CopyResult,
  seconds: number,
  { json, quiet, dryRun = false }: CopyReportStyle,
  { stdout, stderr }: CliContext,
): Promise<void> {
  if (json) {
    for (const copied of result.copied) await writeJson(stdout, copiedBackupJson(copied));
    for (const uncopied of result.failed) await writeJson(stdout, uncopiedBackupJson(uncopied));
    return await writeJson(stdout, copySummaryJson(result, dryRun));
  }
  if (dryRun) await writeTable(stdout, COLUMNS, result.copied.map(row));
  for (const uncopied of result.failed) await writeWarning(failureText(uncopied), {}, stderr);
  if (!quiet) await writeLine(stderr, dryRun ? plannedText(result) : doneText(result, seconds));
}

const COLUMNS: readonly Column[] = [
  { title: "ID", align: "left" },
  { title: "SERIES", align: "left", kind: "name" },
  { title: "HOST", align: "left", kind: "name", rank: 1, tellsApart: true },
  { title: "STARTED", align: "left" },
  { title: "LEVEL", align: "right", rank: 2 },
  { title: "SIZE", align: "right", rank: 0 },
];

function row({ backup }: CopiedBackup): string[] {
  const { id, series, host, started, info } = backup;
  const size = sizeOf(backup);
  return [
    shortId(id),
    series,
    host,
    formatTime(timestampToDate(started)),
    info ? String(info.level) : "-",
    size === null ? "-" : formatSize(size),
  ];
}

function failureText({ backup, snapshotId, problem }: UncopiedBackup): string {
  const name = backup === null ? `snapshot ${shortId(snapshotId)}` : `${backup.series}@${shortId(backup.id)}`;
  return `${name} was not copied: ${problem.message}`;
}

function doneText({ copied, present, bytesRead, bytesAdded, bytesStored }: CopyResult, seconds: number): string {
  const there = present === 0 ? "" : `, ${present} ${present === 1 ? "was" : "were"} there already`;
  if (copied.length === 0) return `Copied no backup${there}`;
  const amounts = `${amountsText(bytesAdded, bytesRead)}, stored as ${formatSize(bytesStored)}`;
  return `Copied ${formatCount(copied.length, "backup")}${there}: ${amounts}; ${formatDuration(seconds * 1000)}`;
}

function plannedText({ copied, present, bytesRead, bytesAdded }: CopyResult): string {
  const there = present === 0 ? "" : `, ${present} ${present === 1 ? "is" : "are"} there already`;
  const amounts = amountsText(bytesAdded, bytesRead);
  return `Would copy ${formatCount(copied.length, "backup")}${there}: ${amounts}; nothing was changed`;
}

/** What is new here is read as it lies there, compressed, so that it may take less. */
function amountsText(bytesAdded: number, bytesRead: number): string {
  return `${formatSize(bytesAdded)} new, read as ${formatSize(bytesRead)}`;
}
