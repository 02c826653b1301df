/** `agent ls`: lists the backups. */
import { Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { UsageError } from "../../base/errors.ts";
import { shortId } from "../../base/id.ts";
import { formatSize } from "../../base/text/size.ts";
import { type Backup, sizeOf } from "../../backup/backup.ts";
import { parseCount } from "../../policy/retention/parse_retention.ts";
import { timestampToDate } from "../../format/time.ts";
import { listBackups } from "../../ops/list.ts";
import { backupJson } from "../report/json/backup_json.ts";
import type { CliContext } from "../context.ts";
import type { Output } from "../terminal/input_output.ts";
import { throwFirstDamage } from "../report/failure_report.ts";
import { type HelpNotes, helpNotes } from "../terminal/help_text.ts";
import { type Column, formatCount, formatTime, writeJsonLines, writeLine, writeTable } from "../terminal/write.ts";
import { allOptions, type OptionsOf } from "../specification.ts";
import { collectTags } from "../options/repeated_options.ts";
import { repositoryAccess, withRepositoryOptions } from "../options/repository_options.ts";
import { writeWarning } from "../report/warning.ts";
import { judgedText } from "../report/wholeness.ts";

const NOTES: HelpNotes = {
  examples: [
    ["agent ls prod", "the series below prod, and prod itself"],
    ["agent ls --latest 1", "the newest backup of each series on each host"],
  ],
};

/** Parses how many backups to list. Throws `UsageError`. */
function parseLatest(text: string): number {
  const count = parseCount(text, "backups to list");
  if (count === 0) throw new UsageError("Not a number of backups to list: 0 would list none; write 1 or more");
  return count;
}

/** The command's specification. */
function specification() {
  const command = new Command("ls")
    .description("list backups, oldest first")
    .usage("[options] [SERIES]")
    .argument("[series]", "only this series and those below it")
    .option("--host <name>", "only backups of this host")
    .option("--tag <tag>", "only backups with this tag; if repeated, with all of these tags", collectTags)
    .option("--latest <n>", "only the n newest backups of each series on each host", parseLatest)
    .addHelpText("after", helpNotes(NOTES));
  return withRepositoryOptions(command);
}

type LsOptions = OptionsOf<typeof specification>;

/** The command, to be run in `context`. */
export function lsCommand(context: CliContext): CommandUnknownOpts {
  return specification().action((series, options, self) => run(series, allOptions(self, options), context));
}

async function run(series: string | undefined, options: LsOptions, context: CliContext): Promise<void> {
  const { stdout, stderr } = context;
  const { host, tag, latest } = options;
  const filter = {
    ...(series === undefined ? {} : { series }),
    ...(host === undefined ? {} : { host }),
    ...(tag === undefined ? {} : { tags: tag }),
    ...(latest === undefined ? {} : { latest }),
  };
  const { backups, damaged, total, unknown } = await listBackups(repositoryAccess(options, context), filter, context);
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

/** Warns of damaged backups, because nothing else in the output of `ls` shows them. */
async function warnOfDamage(backups: readonly Backup[], options: LsOptions, stderr: Output): Promise<void> {
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
