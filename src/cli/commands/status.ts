/** `agent status`: how current the backups are, and which are overdue. */
import { Command, type CommandUnknownOpts, Option } from "@commander-js/extra-typings";
import { OverdueError, UsageError } from "../../base/errors.ts";
import { RUN_TYPES } from "../../base/run_type.ts";
import { seriesProblem } from "../../format/manifest/series.ts";
import { loadableStatus } from "../../compat/twindb/loadable.ts";
import { TwinDbStatus } from "../../compat/twindb/status_file.ts";
import {
  exportedStatus,
  type ImportedStatus,
  importedStatus,
  status,
  type StatusReport,
  type StatusRequest,
} from "../../ops/status.ts";
import { type Expectation, parseExpectation } from "../../policy/expectation.ts";
import { allOptions, type OptionsOf } from "../specification.ts";
import type { CliContext } from "../context.ts";
import { type HelpNotes, helpNotes } from "../terminal/help_text.ts";
import { throwFirstDamage } from "../report/failure_report.ts";
import { formatCount, writeExact, writeJson, writeLine, writeTable } from "../terminal/write.ts";
import { repositoryAccess, withRepositoryOptions } from "../options/repository_options.ts";
import { importedStatusJson, statusJson } from "../report/json/status_json.ts";
import { monitorLine, withoutMark } from "../report/status/status_monitor.ts";
import { leftOutLine, STATUS_COLUMNS, statusRows, verdictLine } from "../report/status/status_text.ts";
import { tellLeftOutKeys } from "../report/warning.ts";
import { readTextFileOrInput } from "../text_file.ts";

const FORMATS = ["agent", "twindb"] as const;

const EXAMPLES: HelpNotes = {
  about: [
    'With --expect, the first line says what is overdue, or "OK". The exit code is 5 if something is overdue. An age ' +
    "counts from the start of a backup. An expectation without @HOST applies to each host that has backups of the " +
    "series. Backups that claim to have been made in the future are shown, but do not count.",
    "HEALTH: if any backup of a series on a host was judged whole, only such backups are good. Newer ones that " +
    'could not be judged are shown as "newer not judged". A broken backup is incomplete, or another tool removed ' +
    "content from it. An empty one holds no stream or file. Backups that other tools made are unknown, and meet an " +
    "expectation only with --any.",
    "Values under keys are left out, and said to be, unless an expectation names the series of one, such as kv/app.",
  ],
  examples: [
    ["agent status --expect prod/shop=26h --expect prod/wiki@db2:weekly=8d"],
    ["agent status --expect 26h --quiet", "every series; no output unless something is overdue"],
  ],
};

/** The command's specification. */
function specification() {
  const command = new Command("status")
    .description("show the newest good backup of every series, host and run type, and what is overdue")
    .usage("[options]")
    .option("--host <name>", "only backups of this host")
    .option("--expect <expectation>", "[SERIES][@HOST][:RUNTYPE]=SPAN, such as prod/shop=26h; repeatable", collect)
    .option("--any", "let backups that other tools made meet expectations, too")
    .addOption(new Option("--full-backup <type>", "runs of this type and longer ones are full").choices(RUN_TYPES))
    .addOption(
      new Option("--format <format>", "twindb: write TwinDB Backup's status file").choices(FORMATS).default("agent"),
    )
    .option(
      "--import <file>",
      "show what a status file of TwinDB Backup says, instead of a repository; - for standard input",
    )
    .addHelpText("after", helpNotes(EXAMPLES));
  return withRepositoryOptions(command);
}

type StatusOptions = OptionsOf<typeof specification>;

/** The command, to be run in `context`. */
export function statusCommand(context: CliContext): CommandUnknownOpts {
  return specification().action((options, self) => run(allOptions(self, options), context));
}

function collect(text: string, earlier: readonly Expectation[] | undefined): Expectation[] {
  const expectation = parseExpectation(text);
  const problem = expectation.series === null ? null : seriesProblem(expectation.series);
  if (problem !== null) {
    throw new UsageError(`Not an expectation: "${text}": ${problem}; write for example prod/shop=26h`);
  }
  return [...(earlier ?? []), expectation];
}

async function run(options: StatusOptions, context: CliContext): Promise<void> {
  if (options.format === "twindb") return await writeTwinDb(options, context);
  const { host, fullBackup, expect, any } = options;
  const request: StatusRequest = {
    ...(host === undefined ? {} : { host }),
    ...(fullBackup === undefined ? {} : { fullBackup }),
    ...(expect === undefined ? {} : { expectations: expect }),
    ...(any === undefined ? {} : { any }),
  };
  const report = options.import === undefined
    ? await status(repositoryAccess(options, context), request, context)
    : importedStatus(await readTextFileOrInput(options.import, "status", context), request, context.world);
  await (options.json ? tellJson(report, context) : tell(report, options, context));
  await tellLeftOutKeys(report.keysLeftOut, options, context);
  throwFirstDamage(report.damaged);
  // A host without backups may be a typing error, but if something is expected of it, that counts as overdue.
  if (report.unknown !== null && report.verdicts.length === 0) throw new UsageError(report.unknown);
  if (report.verdicts.some(({ isOverdue }) => isOverdue)) throw new OverdueError(verdictLine(report));
}

/** Writes the status for people. With --quiet and expectations, writes one line if something is overdue, or nothing. */
async function tell(report: StatusReport, options: StatusOptions, { stdout, stderr }: CliContext): Promise<void> {
  const { rows, verdicts } = report;
  const { quiet } = options;
  if (verdicts.length > 0) {
    if (quiet && verdicts.every(({ isOverdue }) => !isOverdue)) return;
    await writeLine(stdout, monitorLine(report));
    if (quiet) return;
  }
  // Monitors would take what follows a "|" for numbers, even in the table below the first line.
  const shown = verdicts.length > 0 ? statusRows(report).map((row) => row.map(withoutMark)) : statusRows(report);
  await writeTable(stdout, STATUS_COLUMNS, shown);
  if (quiet) return;
  const inFuture = rows.flatMap(({ runs }) => runs).reduce((sum, run) => sum + run.inFuture, 0);
  if (rows.length === 0 && report.unknown === null) await writeLine(stderr, "No backups");
  if (options.any !== true && options.import === undefined && mayNeedAny(report)) {
    await writeLine(stderr, "Unknown backups, which other tools made, meet no expectation without --any");
  }
  if (inFuture > 0) {
    await writeLine(stderr, `Made in the future: ${formatCount(inFuture, "backup")}. Is a clock wrong, here or there?`);
  }
}

/** Whether a series or host that is overdue has backups of unknown health, which count only with --any. */
function mayNeedAny({ rows, verdicts }: StatusReport): boolean {
  const unknown = rows.filter(({ runs }) => runs.some(({ health }) => health === "unknown"));
  return verdicts.filter(({ isOverdue }) => isOverdue).some((verdict) =>
    unknown.some(({ series, host }) => {
      return (verdict.series ?? series) === series && (verdict.host ?? host) === host;
    })
  );
}

async function tellJson(report: StatusReport | ImportedStatus, { stdout }: CliContext): Promise<void> {
  const rows = "twinDb" in report ? importedStatusJson(report) : statusJson(report);
  for (const row of rows) await writeJson(stdout, row);
}

async function writeTwinDb(options: StatusOptions, context: CliContext): Promise<void> {
  if (options.json || options.expect !== undefined) {
    throw new UsageError(
      `--format twindb cannot be combined with ${options.json ? "--json" : "--expect"}: it is a format of its own`,
    );
  }
  const text = options.import === undefined
    ? await exportedText(options, context)
    : await rewrittenText(options.import, context);
  // Exactly TwinDB's bytes, which do not end with a line feed.
  const { stdout } = context;
  await writeExact(stdout, text + (stdout.isTerminal ? "\n" : ""));
}

async function exportedText(options: StatusOptions, context: CliContext): Promise<string> {
  const { host, quiet } = options;
  const { twinDb, leftOut, keysLeftOut, damaged } = await exportedStatus(
    repositoryAccess(options, context),
    { host },
    context,
  );
  throwFirstDamage(damaged);
  if (leftOut.length > 0 && !quiet) await writeLine(context.stderr, leftOutLine(leftOut));
  await tellLeftOutKeys(keysLeftOut, { ...quiet !== undefined && { quiet } }, context);
  return twinDb.serialize();
}

async function rewrittenText(path: string, context: CliContext): Promise<string> {
  const text = await readTextFileOrInput(path, "status", context);
  const { twinDb } = importedStatus(text, {}, context.world);
  return (twinDb instanceof TwinDbStatus ? loadableStatus(twinDb) : twinDb).serialize();
}
