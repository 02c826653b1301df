/** `agent hold`: keep policies from removing a backup. */
import { Command } from "commander";
import { allOptions } from "../all_options.ts";
import type { CliContext } from "../context.ts";
import { type HelpNotes, helpNotes } from "../help_text.ts";
import { runHold } from "../hold_run.ts";
import { type RepositoryOptions, withRepositoryOptions } from "../repository_options.ts";

const NOTES: HelpNotes = {
  about: [
    'The backup gets the tag "hold": no policy of agent removes it, and restic forget --keep-tag hold keeps it, too. ' +
    "agent rm refuses it until agent release lets it go.",
  ],
  examples: [["agent hold prod/shop@2026-08-30"]],
};

/** The command's specification. */
export function holdCommand(context: CliContext): Command {
  const command = new Command("hold")
    .description("keep a backup whatever retention says")
    .usage("[options] SERIES@SELECTOR")
    .argument("<backup>", "which backup; see agent get --help")
    .addHelpText("after", helpNotes(NOTES))
    .action((selector: string, options: RepositoryOptions, self: Command) =>
      runHold({ selector, hold: true }, allOptions(self, options), context)
    );
  return withRepositoryOptions(command);
}
