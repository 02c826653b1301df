/** `agent catalogue`: the local catalogue of what this machine knows of repositories. */
import { Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { AgentError } from "../../base/errors.ts";
import { cataloguePath } from "../../catalogue/catalogue_place.ts";
import type { CliContext } from "../context.ts";
import { type HelpNotes, helpNotes } from "../terminal/help_text.ts";
import { writeLine } from "../terminal/write.ts";

const NOTES: HelpNotes = {
  about: [
    "All of it is derived from repositories, except for what this machine did: its runs, checks and restores. " +
    "agent sql asks it.",
  ],
  examples: [["agent catalogue path", "for other programs that read SQLite"]],
};

/** The command, to be run in `context`. */
export function catalogueCommand(context: CliContext): CommandUnknownOpts {
  const path = new Command("path").description("print where the catalogue is (AGENT_CATALOGUE)")
    .action(async () => await writeLine(context.stdout, placeOfCatalogue(context)));
  return new Command("catalogue")
    .description("the local database of what this machine knows of repositories")
    .addCommand(path)
    .addHelpText("after", helpNotes(NOTES));
}

/** Where the catalogue is. Throws `AgentError` if there is to be none. */
export function placeOfCatalogue({ env }: Pick<CliContext, "env">): string {
  const path = cataloguePath(env);
  if (path !== undefined) return path;
  throw new AgentError(
    "There is no catalogue: AGENT_CATALOGUE is off, or no home directory is known; name a file in it",
  );
}
