/** `agent delete-older-than`: removes the backups of one series that are older than an age. */
import { Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { UsageError } from "../../base/errors.ts";
import { type CalendarSpan, isZeroSpan } from "../../base/text/duration.ts";
import { parseSeries } from "../../format/manifest/series.ts";
import { parseClearAge } from "../../policy/retention/parse_retention.ts";
import { withPruneAfterwards } from "../options/prune_options.ts";
import { withRepositoryOptions } from "../options/repository_options.ts";
import { reportRetention } from "../report/retention_report.ts";
import { policyRunGroup, runRetention, throwRefusal } from "../retention_run.ts";
import { allOptions, type OptionsOf, withOptions } from "../specification.ts";
import type { CliContext } from "../context.ts";
import { type HelpNotes, helpNotes } from "../terminal/help_text.ts";

const NOTES: HelpNotes = {
  about: [
    "The interval is measured from now, in Y M W D h m s: M is a month and m a minute, and months and years are those of " +
    "the calendar. Only backups of this very series go, not those of prod/shop-2 or prod/shop/eu. On each host, the " +
    "newest and the last good backup stay, unless --allow-last is given.",
  ],
  examples: [
    ["agent delete-older-than prod/shop 3M --dry-run"],
    ["agent delete-older-than prod/shop 3M2D8h20m5s --prune"],
  ],
};

/** The command's specification. */
function specification() {
  const command = new Command("delete-older-than")
    .description("remove the backups of a series that are older than an interval")
    .usage("[options] SERIES INTERVAL")
    .argument("<series>", "the series, by its whole name")
    .argument("<interval>", "how old they must be, such as 3M2D8h20m5s", parseInterval)
    .option("--host <name>", "only backups of this host");
  const careful = withOptions(command, policyRunGroup("the series")).addHelpText("after", helpNotes(NOTES));
  return withRepositoryOptions(withPruneAfterwards(careful));
}

function parseInterval(text: string): CalendarSpan {
  const interval = parseClearAge(text);
  if (!isZeroSpan(interval)) return interval;
  throw new UsageError(`${text} is no age: every backup is older; write for example 3M2D8h20m5s`);
}

type DeleteOptions = OptionsOf<typeof specification>;

/** The command, to be run in `context`. */
export function deleteOlderThanCommand(context: CliContext): CommandUnknownOpts {
  return specification().action((series, interval, options, self) =>
    run({ series, interval }, allOptions(self, options), context)
  );
}

async function run(
  { series, interval }: { readonly series: string; readonly interval: CalendarSpan },
  options: DeleteOptions,
  context: CliContext,
): Promise<void> {
  const { host } = options;
  const request = {
    kind: "policy",
    rules: { notOlderThan: interval },
    filter: { series: [parseSeries(series)], exactSeries: true, ...host !== undefined && { hosts: [host] } },
    groupBy: ["host", "series"],
  } as const;
  throwRefusal(await runRetention(request, options, { command: "delete-older-than", tell: reportRetention }, context));
}
