/** `agent rm`: removes one backup. */
import { Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { UsageError } from "../../base/errors.ts";
import { shortId } from "../../base/id.ts";
import { timestampToDate } from "../../format/time.ts";
import type { Forgotten } from "../../ops/forget.ts";
import { removedJson } from "../report/json/backup_json.ts";
import { allOptions } from "../specification.ts";
import type { CliContext } from "../context.ts";
import { type HelpNotes, helpNotes } from "../terminal/help_text.ts";
import { formatTime, writeJson, writeLine } from "../terminal/write.ts";
import { withPruneAfterwards } from "../options/prune_options.ts";
import { type RetentionRunOptions, runRetention, throwRefusal } from "../retention_run.ts";
import { withMatchingSeries, withMatchOption } from "../options/match_option.ts";
import { withRepositoryOptions } from "../options/repository_options.ts";
import { writeWarning } from "../report/warning.ts";

const NOTES: HelpNotes = {
  about: [
    "Other processes may read and write meanwhile. Only the removal of the newest good backup of a series, and " +
    "--prune, need the repository for themselves: --retry-lock waits for that.",
  ],
  examples: [["agent rm prod/shop@1f2e3d4c"], ["agent rm @1f2e3d4c --prune"]],
};

/** The command's specification. */
function specification() {
  const command = new Command("rm")
    .description("remove one backup; a prune frees what only it used")
    .usage("[options] SERIES@SELECTOR")
    .argument("<backup>", "which backup, such as prod/shop@latest or @1f2e3d4c; see agent get --help")
    .option("-n, --dry-run", "only show what would be removed")
    .option("--allow-last", "remove it even if it is the last good backup of its series");
  return withRepositoryOptions(withPruneAfterwards(withMatchOption(command))).addHelpText("after", helpNotes(NOTES));
}

/** The command, to be run in `context`. */
export function rmCommand(context: CliContext): CommandUnknownOpts {
  return specification().action((selector, options, self) => {
    const all = allOptions(self, options);
    return withMatchingSeries([selector], all, context, ([meant], asked) => run(meant!, all, asked));
  });
}

async function run(selector: string, options: RetentionRunOptions, context: CliContext): Promise<void> {
  if (!selector.includes("@")) {
    const byId = /^[0-9a-f]{4,64}$/.test(selector) ? `; to name a backup by its id, write "@${selector}"` : "";
    throw new UsageError(
      `Say which backup of "${selector}": ${selector}@latest, or one of "agent ls ${selector}"${byId}`,
    );
  }
  const request = { kind: "backups", selectors: [selector] } as const;
  throwRefusal(await runRetention(request, options, { command: "rm", tell: report }, context));
}

async function report(
  { groups, damaged, refusal }: Forgotten,
  options: RetentionRunOptions,
  { stdout, stderr }: CliContext,
  session: string,
): Promise<void> {
  for (const { backup } of groups.flatMap(({ remove }) => remove)) {
    if (options.json) await writeJson(stdout, removedJson(backup, session));
    else if (!options.quiet) {
      const verb = options.dryRun ? "Would remove" : "Removed";
      const when = formatTime(timestampToDate(backup.started));
      await writeLine(stderr, `${verb} ${backup.series} ${shortId(backup.id)} of ${when}`);
    }
  }
  const [unread] = damaged;
  if (unread !== undefined && refusal === null) await writeWarning(unread.error.message, options, stderr);
}
