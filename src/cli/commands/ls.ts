/** `agent ls`: what backups there are. */
import { Command } from "commander";
import { shortId } from "../../base/id.ts";
import { formatSize } from "../../base/size.ts";
import { type Backup, sizeOf } from "../../backup/backup.ts";
import { timestampToDate } from "../../format/time.ts";
import { listBackups } from "../../ops/list.ts";
import { allOptions } from "../all_options.ts";
import { backupJson } from "../backup_json.ts";
import type { CliContext, Output } from "../context.ts";
import { throwFirstDamage } from "../damage.ts";
import { type Column, formatCount, formatTime, printable, writeLine, writeLines, writeTable } from "../output.ts";
import { collectTags } from "../tags.ts";
import { repositoryAccess, type RepositoryOptions, withRepositoryOptions } from "../repository_options.ts";
import { writeWarning } from "../warning.ts";

interface LsOptions extends RepositoryOptions {
  readonly host?: string;
  readonly tag?: string[];
}

/** The command's specification. */
export function lsCommand(context: CliContext): Command {
  const command = new Command("ls")
    .description("list backups, oldest first")
    .usage("[options] [SERIES]")
    .argument("[series]", "only this series and those below it")
    .option("--host <name>", "only backups of this host")
    .option("--tag <tag>", "only backups with this tag; may be repeated, then with all of them", collectTags)
    .action((series: string | undefined, options: LsOptions, self: Command) =>
      run(series, allOptions(self, options), context)
    );
  return withRepositoryOptions(command);
}

async function run(series: string | undefined, options: LsOptions, context: CliContext): Promise<void> {
  const { stdout, stderr, world } = context;
  const { host, tag } = options;
  const filter = {
    ...(series === undefined ? {} : { series }),
    ...(host === undefined ? {} : { host }),
    ...(tag === undefined ? {} : { tags: tag }),
  };
  const { backups, damaged } = await listBackups(repositoryAccess(options, context), filter, world);
  if (options.json) {
    await writeLines(stdout, backups.map((backup) => JSON.stringify(backupJson(backup))));
  } else {
    await writeTable(stdout, COLUMNS, backups.map(row));
    if (!options.quiet) await writeLine(stderr, backups.length === 0 ? "No backups" : count(backups));
    await warnOfDamage(backups, options, stderr);
  }
  throwFirstDamage(damaged);
}

const COLUMNS: readonly Column[] = [
  { title: "ID", align: "left" },
  { title: "SERIES", align: "left" },
  { title: "HOST", align: "left" },
  { title: "STARTED", align: "left" },
  { title: "LEVEL", align: "right" },
  { title: "RUN", align: "left" },
  { title: "SIZE", align: "right" },
  { title: "NEW", align: "right" },
  { title: "STORED", align: "right" },
  { title: "GUARD", align: "left" },
  { title: "TAGS", align: "left" },
];

function row(backup: Backup): string[] {
  const { id, series, host, started, info, snapshot, damage } = backup;
  const size = sizeOf(backup);
  return [
    shortId(id),
    printable(series),
    printable(host),
    formatTime(timestampToDate(started)),
    info ? String(info.level) : "-",
    info?.runType ?? "-",
    size === null ? "-" : formatSize(size),
    info ? formatSize(info.added) : "-",
    info ? formatSize(info.stored) : "-",
    [info?.guard ?? "-", info?.shrunk ? "shrunk" : "", damage === null ? "" : "damaged"].filter(Boolean).join(", "),
    printable(snapshot.tags.join(",")) || "-",
  ];
}

/** Nothing else that `ls` does would show that a backup is none any more. */
async function warnOfDamage(backups: readonly Backup[], options: LsOptions, stderr: Output): Promise<void> {
  const damaged = backups.filter(({ damage }) => damage !== null);
  const [first] = damaged;
  if (first === undefined) return;
  const which = damaged.length === 1 ? "" : ` and ${damaged.length - 1} more`;
  const name = `${first.series}@${shortId(first.id)}`;
  await writeWarning(`${name}${which}: rewritten by another tool, and damaged: ${first.damage}`, options, stderr);
}

function count(backups: readonly Backup[]): string {
  const series = new Set(backups.map((backup) => backup.series)).size;
  return `${formatCount(backups.length, "backup")} in ${series} series`;
}
