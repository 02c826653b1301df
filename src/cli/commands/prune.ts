/** `agent prune`: removes what no backup needs. */
import { Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { prune } from "../../ops/prune.ts";
import { allOptions, type OptionsOf } from "../specification.ts";
import type { CliContext } from "../context.ts";
import { type HelpNotes, helpNotes } from "../terminal/help_text.ts";
import { withProgress } from "../report/progress.ts";
import { pruneLimits, withPruneLimits } from "../options/prune_options.ts";
import { pruneStep, reportPrune } from "../report/prune_report.ts";
import { repositoryAccess, withRepositoryOptions } from "../options/repository_options.ts";

const NOTE: HelpNotes = {
  about: [
    "Packs of which nothing is needed are removed. Packs of which a part is needed are copied without the rest, " +
    "the most wasteful first, until no more than --max-unused of the repository is waste. Small packs are merged.",
    "No other process may write meanwhile (--retry-lock waits). A prune may be interrupted at any moment: no " +
    "backup is harmed, and the next prune continues.",
  ],
  examples: [["agent prune --dry-run"], ["agent prune --max-unused 10% --retry-lock 1h"]],
};

/** The command's specification. */
function specification() {
  const command = new Command("prune")
    .description("remove from the repository what no backup needs any more")
    .option("-n, --dry-run", "change nothing, only say what would be done");
  const limited = withPruneLimits(command)
    .option("--allow-empty", "empty the repository if there is no backup in it any more")
    .addHelpText("after", helpNotes(NOTE));
  return withRepositoryOptions(limited);
}

type PruneCommandOptions = OptionsOf<typeof specification>;

/** The command, to be run in `context`. */
export function pruneCommand(context: CliContext): CommandUnknownOpts {
  return specification().action((options, self) => run(allOptions(self, options), context));
}

async function run(options: PruneCommandOptions, context: CliContext): Promise<void> {
  const { world, signal } = context;
  const { dryRun = false, allowEmpty = false } = options;
  const request = { limits: pruneLimits(options), dryRun, allowEmpty };
  await withProgress({ command: "prune" }, options, context, async (progress) => {
    const result = await prune(repositoryAccess(options, context), request, {
      world,
      signal,
      onProgress: (step) => progress.update(pruneStep(step)),
    });
    await progress.end();
    await reportPrune(result, progress.seconds, options, context);
  });
}
