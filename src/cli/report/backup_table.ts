/** Backups as a table, as `agent ls` and `agent search` show them. */
import { UsageError } from "../../base/errors.ts";
import { shortId } from "../../base/id.ts";
import { formatSize } from "../../base/text/size.ts";
import { type Backup, sizeOf } from "../../backup/backup.ts";
import { timestampToDate } from "../../format/time.ts";
import type { BackupList } from "../../ops/list.ts";
import type { CliContext } from "../context.ts";
import type { Output } from "../terminal/input_output.ts";
import { type Column, formatCount, formatTime, writeJsonLines, writeLine, writeTable } from "../terminal/write.ts";
import { throwFirstDamage } from "./failure_report.ts";
import { backupJson } from "./json/backup_json.ts";
import { writeWarning } from "./warning.ts";
import { judgedText } from "./wholeness.ts";

const COLUMNS: readonly Column[] = [
  { title: "ID", align: "left" },
  { title: "SERIES", align: "left", kind: "name" },
  { title: "HOST", align: "left", kind: "name", rank: 1, tellsApart: true },
  { title: "STARTED", align: "left" },
  { title: "LEVEL", align: "right", rank: 3 },
  { title: "RUN", align: "left", rank: 4 },
  { title: "SIZE", align: "right", rank: 0 },
  { title: "NEW", align: "right", rank: 6 },
  { title: "STORED", align: "right", rank: 2 },
  { title: "GUARD", align: "left", kind: "text" },
  { title: "TAGS", align: "left", kind: "name", rank: 5 },
];

/**
 * Writes the backups of a list in their order, or one JSON object for each, and a summary. Throws the error of the first
 * snapshot that cannot be read, and `UsageError` if a series or host is asked for that no backup has.
 */
export async function reportBackups(
  { backups, damaged, total, unknown }: BackupList,
  options: { readonly json?: boolean; readonly quiet?: boolean },
  { stdout, stderr }: CliContext,
): Promise<void> {
  if (options.json) {
    await writeJsonLines(stdout, backups.map(backupJson));
  } else {
    await writeTable(stdout, COLUMNS, backups.map(row));
    const isMistaken = unknown !== null || damaged.length > 0;
    if (!options.quiet && !isMistaken) await writeLine(stderr, summary(backups, total));
    await warnOfDamage(backups, options, stderr);
  }
  throwFirstDamage(damaged);
  if (unknown !== null) throw new UsageError(unknown);
}

function row(backup: Backup): string[] {
  const { id, series, host, started, info, snapshot } = backup;
  const size = sizeOf(backup);
  return [
    shortId(id),
    series,
    host,
    formatTime(timestampToDate(started)),
    info ? String(info.level) : "-",
    info?.runType ?? "-",
    size === null ? "-" : formatSize(size),
    info ? formatSize(info.added) : "-",
    info ? formatSize(info.stored) : "-",
    marks(backup).join(", "),
    snapshot.tags.join(",") || "-",
  ];
}

/** What was judged, and what is wrong with the backup. */
function marks({ info, damage }: Backup): string[] {
  return [info === null ? "-" : judgedText(info), ...damage === null ? [] : ["damaged"]];
}

/** Warns of damaged backups, because the table shows no reason. */
async function warnOfDamage(
  backups: readonly Backup[],
  options: { readonly json?: boolean },
  stderr: Output,
): Promise<void> {
  const damaged = backups.filter(({ damage }) => damage !== null);
  const [first] = damaged;
  if (first === undefined) return;
  const which = damaged.length === 1 ? "" : ` and ${damaged.length - 1} more`;
  const name = `${first.series}@${shortId(first.id)}`;
  await writeWarning(`${name}${which}: rewritten by another tool, and damaged: ${first.damage}`, options, stderr);
}

function summary(backups: readonly Backup[], total: number): string {
  if (total === 0) return 'There is no backup in this repository yet: "agent put" makes one';
  if (backups.length === 0) return `None of ${formatCount(total, "backup")} fits`;
  const series = new Set(backups.map((backup) => backup.series)).size;
  return `${formatCount(backups.length, "backup")} in ${series} series`;
}
