/** `agent url`: makes a URL at which a gateway gives something of a backup to whoever has it, until it expires. */
import { Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import type { TakesBytes } from "../byte_arguments.ts";
import type { CliContext } from "../context.ts";
import { repositoryAccess, withRepositoryOptions } from "../options/repository_options.ts";
import { withUrlOptions } from "../options/url_options.ts";
import { allOptions, type OptionsOf } from "../specification.ts";
import { type HelpNotes, helpNotes } from "../terminal/help_text.ts";
import { runUrl } from "../url_run.ts";

const NOTES: HelpNotes = {
  about: [
    "The URL gives the only stream of the backup, an archive of all of it, or what --file or --table says. It names the " +
    "snapshot: a later backup never takes its place. Whoever has it needs no password, so hand it on like one.",
    '"agent gateway" serves what it names, wherever it runs with the same repository. "agent gateway revoke" ends all ' +
    "URLs that were made so far. The first URL of a repository writes a small record into it; others write nothing.",
  ],
  examples: [
    ["agent url prod/shop --expires 1h", "the latest dump, for an hour"],
    ["agent url prod/shop@2026-08-30 --table orders --expires 60s --gateway https://backups.example.org/"],
    ["agent url etc/host --file /etc/fstab --expires 1d"],
  ],
};

/** The values that need not be UTF-8. */
export const URL_BYTES: TakesBytes = { argumentsFrom: Infinity, options: ["file"] };

/** The command's specification. */
function specification() {
  const command = new Command("url")
    .description("make a URL that expires, at which a gateway gives a backup or a part of it")
    .usage("[options] SERIES[@SELECTOR]")
    .argument("<backup>", "which backup; see agent get --help")
    .option("--file <path>", "which stream or file of the backup; with --table, the stream that holds it")
    .option("--table <name>", "a table of a dump, as shop.orders")
    .addHelpText("after", helpNotes(NOTES));
  return withRepositoryOptions(withUrlOptions(command));
}

type UrlOptions = OptionsOf<typeof specification>;

/** The command, to be run in `context`. */
export function urlCommand(context: CliContext): CommandUnknownOpts {
  return specification().action((selector, options, self) => run(selector, allOptions(self, options), context));
}

async function run(selector: string, options: UrlOptions, context: CliContext): Promise<void> {
  await runUrl({ access: repositoryAccess(options, context), selector }, options, context);
}
