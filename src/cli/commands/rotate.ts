/** `agent rotate`: keeps the first backup of each of the last days, weeks, months and years of a series. */
import { Command, type CommandUnknownOpts, Option } from "@commander-js/extra-typings";
import { parseSeries } from "../../format/manifest/series.ts";
import { DEFAULT_ROTATION } from "../../policy/retention/retention_rotation.ts";
import { parseCount, parseWeekDay } from "../../policy/retention/parse_retention.ts";
import { allOptions, type OptionsOf, withOptions } from "../specification.ts";
import type { CliContext } from "../context.ts";
import { type HelpNotes, helpNotes } from "../terminal/help_text.ts";
import { withPruneAfterwards } from "../options/prune_options.ts";
import { reportRetention } from "../report/retention_report.ts";
import { policyRunGroup, runRetention, throwRefusal } from "../retention_run.ts";
import { withRepositoryOptions } from "../options/repository_options.ts";

const NOTES: HelpNotes = {
  about: [
    "The first backup of each of the last N units is kept, including the current unit, and so are backups in the " +
    "future and the newest backup. (agent forget --keep-daily keeps the newest of each day.) Units are those of " +
    "UTC. Backups of several hosts are rotated separately.",
  ],
  examples: [["agent rotate prod/shop --days 7 --weeks 4 --months 6 --years 3 --dry-run"]],
};

/** The command's specification. */
function specification() {
  const { days, weeks, months, years, firstWeekDay } = DEFAULT_ROTATION;
  const count = (unit: string) => (value: string) => parseCount(value, `${unit} to keep`);
  const command = new Command("rotate")
    .description("keep the first backup of each of the last days, weeks, months and years, and remove the others")
    .usage("[options] SERIES")
    .argument("<series>", "the series to rotate")
    .option("--days <n>", "days to look back, today included", count("days"), days)
    .option("--weeks <n>", "weeks to look back", count("weeks"), weeks)
    .option("--months <n>", "months to look back", count("months"), months)
    .option("--years <n>", "years to look back", count("years"), years)
    .addOption(
      new Option(
        "--first-week-day <day>",
        "when weeks begin: monday to sunday, mon to sun, or 0 = Monday to 6 = Sunday",
      )
        .argParser(parseWeekDay).default(firstWeekDay, "saturday"),
    )
    .option("--host <name>", "only backups of this host");
  const careful = withOptions(command, policyRunGroup("the series")).addHelpText("after", helpNotes(NOTES));
  return withRepositoryOptions(withPruneAfterwards(careful));
}

type RotateOptions = OptionsOf<typeof specification>;

/** The command, to be run in `context`. */
export function rotateCommand(context: CliContext): CommandUnknownOpts {
  return specification().action((series, options, self) => run(series, allOptions(self, options), context));
}

async function run(seriesText: string, options: RotateOptions, context: CliContext): Promise<void> {
  const series = parseSeries(seriesText);
  const { days, weeks, months, years, firstWeekDay, host } = options;
  const request = {
    kind: "rotation",
    series,
    rotation: { days, weeks, months, years, firstWeekDay },
    ...host === undefined ? {} : { hosts: [host] },
  } as const;
  throwRefusal(await runRetention(request, options, { command: "rotate", tell: reportRetention }, context));
}
