/** The result of forget and rotate, or their plan in a dry run. */
import { shortId } from "../../base/id.ts";
import { timestampToDate } from "../../format/time.ts";
import type { Forgotten, RetentionBackup } from "../../ops/forget.ts";
import { type Judgement, newestFirstOf } from "../../policy/retention/retention.ts";
import type { Burst } from "../../policy/retention/retention_burst.ts";
import type { RetentionGroup } from "../../policy/retention/retention_plan.ts";
import { groupJson } from "./json/retention_json.ts";
import type { CliContext } from "../context.ts";
import { type Column, formatCount, formatTime, writeJson, writeLine, writeTable } from "../terminal/write.ts";
import { tellLeftOutKeys, writeWarning } from "./warning.ts";

/** The form of the report. */
interface ReportStyle {
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly dryRun?: boolean;
  /** Whether a prune follows if backups are removed. */
  readonly prune?: boolean;
}

/**
 * Writes every backup of the plan with its reasons, or one JSON object for each group. Then writes the warnings and a
 * summary. With `quiet`, a run that is not a dry run writes no table and no summary. It still writes the warnings,
 * because a wrong clock stays wrong until somebody corrects it.
 */
export async function reportRetention(
  { groups, damaged, refusal, keysLeftOut, bursts }: Forgotten,
  style: ReportStyle,
  context: CliContext,
  session: string,
): Promise<void> {
  const { stdout, stderr } = context;
  const warnings = [
    futureWarning(groups.flatMap(({ inFuture }) => inFuture)),
    ...bursts.map(burstWarning),
    ...refusal === null ? damaged.map(({ error }) => error.message) : [],
  ];
  if (style.json) {
    for (const group of groups) await writeJson(stdout, groupJson(group, session));
  } else if (style.dryRun || !style.quiet) {
    await writeTable(stdout, COLUMNS, groups.flatMap(groupRows));
  }
  await tellLeftOutKeys(keysLeftOut, style, context);
  for (const warning of warnings) if (warning !== null) await writeWarning(warning, style, stderr);
  if (!style.json && !style.quiet) await writeLine(stderr, summary(groups, style));
}

function futureWarning(inFuture: readonly RetentionBackup[]): string | null {
  const [furthest] = newestFirstOf(inFuture);
  if (furthest === undefined) return null;
  const { backup, series, host } = furthest;
  const which = `${shortId(backup.id)} of "${series}" on ${host} at ${formatTime(timestampToDate(backup.started))}`;
  const count = inFuture.length === 1 ? "1 backup claims" : `${inFuture.length} backups claim`;
  return `${count} to have been made in the future (${which}): is a clock wrong, here or there?`;
}

const MS_PER_DAY = 86_400_000;

function burstWarning({ series, host, day, count, most }: Burst): string {
  const date = new Date(day * MS_PER_DAY).toISOString().slice(0, 10);
  const came =
    `${count} backups of "${series}" on ${host} came on ${date} (UTC), more than on any day before (${most})`;
  return `${came}: were all intended? So many can push older backups out of a policy that counts, such as --keep-last`;
}

const COLUMNS: readonly Column[] = [
  { title: "ID", align: "left" },
  { title: "SERIES", align: "left", kind: "name" },
  { title: "HOST", align: "left", kind: "name", rank: 1, tellsApart: true },
  { title: "STARTED", align: "left" },
  { title: "RUN", align: "left", rank: 2 },
  { title: "TAGS", align: "left", kind: "name", rank: 3 },
  { title: "VERDICT", align: "left" },
  { title: "REASONS", align: "left", kind: "text" },
];

/** The rows of a group, oldest first, as in `agent ls`. */
function groupRows({ keep, remove, reasons }: RetentionGroup<RetentionBackup>): string[][] {
  const kept = new Map(reasons.map((reason) => [reason.backup, reason]));
  const members = [...keep, ...remove].sort((a, b) => Number(a.time.nanoseconds - b.time.nanoseconds));
  return members.map((member) => row(member, kept.get(member)));
}

function row({ backup, tags, runType }: RetentionBackup, reason: Judgement<RetentionBackup> | undefined): string[] {
  return [
    shortId(backup.id),
    backup.series,
    backup.host,
    formatTime(timestampToDate(backup.started)),
    runType ?? "-",
    tags.join(",") || "-",
    reason ? "keep" : "remove",
    reason === undefined ? "" : reasonsText(reason),
  ];
}

/** The reasons as people read them: "backup" instead of restic's "snapshot", which stays in JSON for programs. */
function reasonsText({ matches }: Judgement<RetentionBackup>): string {
  return matches.map((match) => match.replace(/ snapshot$/, " backup")).join(", ");
}

function summary(groups: readonly RetentionGroup<RetentionBackup>[], { dryRun, prune }: ReportStyle): string {
  const removed = groups.reduce((sum, { remove }) => sum + remove.length, 0);
  const total = groups.reduce((sum, { keep }) => sum + keep.length, removed);
  const unpruned = prune ? "; nothing was pruned" : "";
  if (total === 0) return `No backup matches${unpruned}`;
  if (removed === 0) return `Nothing to remove of ${formatCount(total, "backup")}${unpruned}`;
  const verb = dryRun ? "Would remove" : "Removed";
  return `${verb} ${removed} of ${formatCount(total, "backup")}${
    prune ? "" : "; agent prune frees what only they used"
  }`;
}
