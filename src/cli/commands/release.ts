/** `agent release`: let a backup go that is on hold. */
import { Command } from "commander";
import { allOptions } from "../all_options.ts";
import type { CliContext } from "../context.ts";
import { runHold } from "../hold_run.ts";
import { type RepositoryOptions, withRepositoryOptions } from "../repository_options.ts";

/** The command's specification. */
export function releaseCommand(context: CliContext): Command {
  const command = new Command("release")
    .description("end the hold of a backup: it is left to retention again")
    .usage("[options] SERIES@SELECTOR")
    .argument("<backup>", "which backup; see agent get --help")
    .action((selector: string, options: RepositoryOptions, self: Command) =>
      runHold({ selector, hold: false }, allOptions(self, options), context)
    );
  return withRepositoryOptions(command);
}
