/** `agent copy`: brings backups of another repository into this one. */
import { Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { IntegrityError, PartialError } from "../../base/errors.ts";
import { copy, type CopyResult } from "../../ops/copy.ts";
import { allOptions, type OptionsOf } from "../specification.ts";
import type { CliContext } from "../context.ts";
import { type HelpNotes, helpNotes } from "../terminal/help_text.ts";
import { formatCount } from "../terminal/write.ts";
import { copyStep, reportCopy } from "../report/copy_report.ts";
import { withProgress } from "../report/progress.ts";
import { repositoryAccess, withRepositoryOptions } from "../options/repository_options.ts";
import { secondRepositoryAccess, withSecondRepository } from "../options/second_repository.ts";

const NOTE: HelpNotes = {
  about: [
    "Brings backups of the repository that --from names into this one, oldest first; those that are there already " +
    "are passed over. Blobs that this repository has are not read again. Ids, levels and chains stay.",
    'Repositories share chunks with later backups only if they cut alike: make the one for the copies with "agent ' +
    'init --copy-chunker-params --from REPO".',
    "A backup of which something is damaged or missing there is not copied, but the others are: exit code 6, or 4 if " +
    "there is none of them here in the end. A copy may be interrupted at any moment; the next one goes on.",
  ],
  examples: [
    ["agent copy --from /backup/repo --from-password-file /etc/agent.password"],
    ["agent copy --from /backup/repo prod/shop wiki@latest", "a series, and one backup"],
  ],
};

/** The command's specification. */
function specification() {
  const command = new Command("copy")
    .description("bring backups of another repository into this one")
    .usage("[options] [BACKUP…]")
    .argument("[backups...]", "which ones, as SERIES, SERIES@SELECTOR or @ID; without, all")
    .option("-n, --dry-run", "change nothing, only say what would be copied")
    .option("--from-no-lock", "take no lock there: for stores that cannot be written to")
    .addHelpText("after", helpNotes(NOTE));
  return withSecondRepository(withRepositoryOptions(command), "from");
}

type CopyCommandOptions = OptionsOf<typeof specification>;

/** The command, to be run in `context`. */
export function copyCommand(context: CliContext): CommandUnknownOpts {
  return specification().action((names, options, self) => run(names, allOptions(self, options), context));
}

async function run(names: readonly string[], options: CopyCommandOptions, context: CliContext): Promise<void> {
  const { world, signal } = context;
  const { dryRun = false, fromNoLock = false } = options;
  const request = { from: secondRepositoryAccess("from", options, context), names, dryRun, fromNoLock };
  await withProgress({ command: "copy" }, options, context, async (progress) => {
    const result = await copy(repositoryAccess(options, context), request, {
      world,
      signal,
      onProgress: (step) => progress.update(copyStep(step)),
    });
    await progress.end();
    await reportCopy(result, progress.seconds, options, context);
    refuseFailures(result);
  });
}

function refuseFailures({ copied, present, failed }: CopyResult): void {
  if (failed.length === 0) return;
  const all = copied.length + present + failed.length;
  const message =
    `${failed.length} of ${formatCount(all, "backup")} could not be copied; "agent check --read-data" on ` +
    "the repository of --from tells what is damaged there and what helps";
  throw all === failed.length ? new IntegrityError(message) : new PartialError(message);
}
