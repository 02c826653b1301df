/** `agent stats`: what a repository, a series or a backup takes. */
import { Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { stats, type StatsProgress } from "../../ops/stats/stats.ts";
import type { CliContext } from "../context.ts";
import { repositoryAccess, withRepositoryOptions } from "../options/repository_options.ts";
import { throwFirstDamage } from "../report/failure_report.ts";
import { monthStatsJson, seriesStatsJson, statsSummaryJson } from "../report/json/stats_json.ts";
import { READING_INDEXES, withProgress } from "../report/progress.ts";
import type { ProgressStep } from "../report/progress_wording.ts";
import { writeStats } from "../report/stats_report.ts";
import { tellLeftOutKeys } from "../report/warning.ts";
import { allOptions, type OptionsOf } from "../specification.ts";
import { type HelpNotes, helpNotes } from "../terminal/help_text.ts";
import { writeJsonLines, writeLine } from "../terminal/write.ts";

const NOTES: HelpNotes = {
  about: [
    "SIZE is what the backups restore. UNIQUE is plaintext that is counted once however often it occurs, and STORED " +
    "what that takes in packs. The row of a series has only what no other series uses: its own, which removing the " +
    'whole series and a prune would free. "(shared)" is what several of these series use; "(shared with others)" is ' +
    "what other backups use, too.",
    "Values under keys are left out, and said to be, unless you name their series, such as kv for all.",
    "Reads the trees of all backups, but no data. The months have what backups recorded when they were made.",
  ],
  examples: [
    ["agent stats", "all series, and what they share"],
    ["agent stats prod/shop", "a series and those below it, beside all others"],
    ["agent stats prod/shop@2026-08-30", "one backup: what only it uses"],
  ],
};

/** The command's specification. */
function specification() {
  const command = new Command("stats")
    .description("show what a repository, a series or a backup takes, and what it shares with others")
    .usage("[options] [SERIES[@SELECTOR]]")
    .argument("[series]", "only this series and those below it, or one backup")
    .option("--host <name>", "only backups of this host")
    .option("--no-lock", "take no lock: for stores that cannot be written to")
    .addHelpText("after", helpNotes(NOTES));
  return withRepositoryOptions(command);
}

type StatsCommandOptions = OptionsOf<typeof specification>;

/** The command, to be run in `context`. */
export function statsCommand(context: CliContext): CommandUnknownOpts {
  return specification().action((selection, options, self) => run(selection, allOptions(self, options), context));
}

async function run(selection: string | undefined, options: StatsCommandOptions, context: CliContext): Promise<void> {
  const { stdout, stderr, world, signal } = context;
  const { host } = options;
  const request = { ...selection !== undefined && { selection }, ...host !== undefined && { host } };
  await withProgress({ command: "stats" }, options, context, async (progress) => {
    const report = await stats(repositoryAccess(options, context), { ...request, noLock: !options.lock }, {
      world,
      signal,
      onProgress: (step) => progress.update(progressStep(step)),
    });
    await progress.end();
    if (options.json) {
      const rows = [...report.series.map(seriesStatsJson), ...report.months.map(monthStatsJson)];
      await writeJsonLines(stdout, [...rows, statsSummaryJson(report)]);
    } else {
      await writeStats(report, stdout);
      if (report.series.length === 0 && !options.quiet) await writeLine(stderr, noneText(report.backupsInAll));
    }
    await tellLeftOutKeys(report.keysLeftOut, options, context);
    throwFirstDamage(report.damaged);
  });
}

function noneText(backupsInAll: number): string {
  if (backupsInAll === 0) return 'There is no backup in this repository yet: "agent put" makes one';
  return "No backup fits";
}

function progressStep({ phase, done, total }: StatsProgress): ProgressStep {
  if (phase === "indexes") return { ...READING_INDEXES, done, total, unit: "indexes" };
  return { phase, label: { long: "reading trees", short: "trees" }, unit: "trees", done, total };
}
