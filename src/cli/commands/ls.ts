/** `agent ls`: lists the backups. */
import { Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { UsageError } from "../../base/errors.ts";
import { parseCount } from "../../policy/retention/parse_retention.ts";
import { listBackups } from "../../ops/list.ts";
import type { CliContext } from "../context.ts";
import { reportBackups } from "../report/backup_table.ts";
import { type HelpNotes, helpNotes } from "../terminal/help_text.ts";
import { allOptions, type OptionsOf } from "../specification.ts";
import { collectTags } from "../options/repeated_options.ts";
import { repositoryAccess, withRepositoryOptions } from "../options/repository_options.ts";

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
  const { host, tag, latest } = options;
  const filter = {
    ...(series === undefined ? {} : { series }),
    ...(host === undefined ? {} : { host }),
    ...(tag === undefined ? {} : { tags: tag }),
    ...(latest === undefined ? {} : { latest }),
  };
  await reportBackups(await listBackups(repositoryAccess(options, context), filter, context), options, context);
}
