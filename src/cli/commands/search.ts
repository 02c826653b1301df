/** `agent search`: lists the backups whose names contain a word. */
import { Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { UsageError } from "../../base/errors.ts";
import { compareAge } from "../../backup/backup.ts";
import { listBackups } from "../../ops/list.ts";
import { collectTags } from "../options/repeated_options.ts";
import { repositoryAccess, withRepositoryOptions } from "../options/repository_options.ts";
import { reportBackups } from "../report/backup_table.ts";
import { allOptions, type OptionsOf } from "../specification.ts";
import type { CliContext } from "../context.ts";
import { type HelpNotes, helpNotes } from "../terminal/help_text.ts";

const NOTES: HelpNotes = {
  about: [
    "A WORD is found anywhere in the name of a series, in upper and lower case alike, and at the beginning of an id if " +
    "it has at least four digits. (agent ls SERIES takes whole names, and agent find looks for files.)",
  ],
  examples: [
    ["agent search shop", "prod/shop, prod/workshop and test/shop-2"],
    ["agent search shop --tag before-upgrade"],
  ],
};

/** The command's specification. */
function specification() {
  const command = new Command("search")
    .description("list backups whose series contains a word, newest first")
    .usage("[options] WORD")
    .argument("<word>", "what the name of the series contains, or how an id begins")
    .option("--host <name>", "only backups of this host")
    .option("--tag <tag>", "only backups with this tag; if repeated, with all of these tags", collectTags)
    .addHelpText("after", helpNotes(NOTES));
  return withRepositoryOptions(command);
}

type SearchOptions = OptionsOf<typeof specification>;

/** The command, to be run in `context`. */
export function searchCommand(context: CliContext): CommandUnknownOpts {
  return specification().action((word, options, self) => run(word, allOptions(self, options), context));
}

async function run(word: string, options: SearchOptions, context: CliContext): Promise<void> {
  if (word === "") throw new UsageError("The word is empty: agent ls lists all backups");
  const { host, tag } = options;
  const filter = { word, ...host !== undefined && { host }, ...tag !== undefined && { tags: tag } };
  const list = await listBackups(repositoryAccess(options, context), filter, context);
  const newestFirst = list.backups.toSorted((a, b) => compareAge(b, a));
  await reportBackups({ ...list, backups: newestFirst }, options, context);
}
