/** How forget and rotate tell what they did or, in a dry run, would do. */
import { shortId } from "../base/id.ts";
import { timestampToDate } from "../format/time.ts";
import type { ForgetResult, RetentionBackup } from "../ops/forget.ts";
import type { Judgement } from "../policy/retention.ts";
import type { RetentionGroup } from "../policy/retention_plan.ts";
import { backupJson } from "./backup_json.ts";
import type { CliContext } from "./context.ts";
import { type Column, formatCount, formatTable, formatTime, printable, writeJson, writeLine } from "./output.ts";

/** How to tell it. */
export interface ReportStyle {
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly dryRun?: boolean;
}

/**
 * Writes every backup of the plan with its reasons, or one JSON object a group, and a summary. A quiet run that is not dry
 * says nothing. Throws the first damage at the end: what could not be read was left alone, and that is to be known.
 */
export async function reportRetention(
  { groups, damaged }: ForgetResult,
  style: ReportStyle,
  { stdout, stderr }: CliContext,
): Promise<void> {
  if (style.json) {
    for (const group of groups) await writeJson(stdout, groupJson(group));
  } else {
    const rows = groups.flatMap(groupRows);
    if (rows.length > 0 && (style.dryRun || !style.quiet)) {
      for (const line of formatTable(COLUMNS, rows)) await writeLine(stdout, line);
    }
    if (!style.quiet) await writeLine(stderr, summary(groups, style));
  }
  if (damaged.length > 0) throw damaged[0]!.error;
}

/** restic's names, and backups as everywhere else. */
function groupJson({ host, series, paths, tags, keep, remove, reasons }: RetentionGroup<RetentionBackup>) {
  return {
    tags,
    host,
    paths,
    series,
    keep: keep.map(({ backup }) => backupJson(backup)),
    remove: remove.map(({ backup }) => backupJson(backup)),
    reasons: reasons.map(({ backup, matches, counters }) => ({
      id: backup.backup.id,
      snapshot: backup.backup.snapshotId,
      matches,
      counters,
    })),
  };
}

const COLUMNS: readonly Column[] = ["ID", "SERIES", "HOST", "STARTED", "RUN", "TAGS", "VERDICT", "REASONS"]
  .map((title) => ({ title, align: "left" }));

/** The members of a group, oldest first, as in `agent ls`. */
function groupRows({ keep, remove, reasons }: RetentionGroup<RetentionBackup>): string[][] {
  const kept = new Map(reasons.map((reason) => [reason.backup, reason]));
  const members = [...keep, ...remove].sort((a, b) => Number(a.time.nanoseconds - b.time.nanoseconds));
  return members.map((member) => row(member, kept.get(member)));
}

function row({ backup, tags, runType }: RetentionBackup, reason: Judgement<RetentionBackup> | undefined): string[] {
  return [
    shortId(backup.id),
    printable(backup.series),
    printable(backup.host),
    formatTime(timestampToDate(backup.started)),
    runType ?? "-",
    printable(tags.join(",")) || "-",
    reason ? "keep" : "remove",
    printable(reason?.matches.join(", ") ?? ""),
  ];
}

function summary(groups: readonly RetentionGroup<RetentionBackup>[], { dryRun }: ReportStyle): string {
  const removed = groups.reduce((sum, { remove }) => sum + remove.length, 0);
  const total = groups.reduce((sum, { keep }) => sum + keep.length, removed);
  if (total === 0) return "No backup fits";
  if (removed === 0) return `Nothing to remove of ${formatCount(total, "backup")}`;
  const verb = dryRun ? "Would remove" : "Removed";
  return `${verb} ${removed} of ${formatCount(total, "backup")}; agent prune frees what only they used`;
}
