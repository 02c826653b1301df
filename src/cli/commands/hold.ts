/** `agent hold` and `agent release`: protect a backup from policies, or end that. */
import { Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { shortId } from "../../base/id.ts";
import { timestampToDate } from "../../format/time.ts";
import { setHold } from "../../ops/tags/hold.ts";
import { backupJson } from "../report/json/backup_json.ts";
import { formatTime, writeJson, writeLine } from "../terminal/write.ts";
import { allOptions } from "../specification.ts";
import type { CliContext } from "../context.ts";
import { type HelpNotes, helpNotes } from "../terminal/help_text.ts";
import { repositoryAccess, type RepositoryOptions, withRepositoryOptions } from "../options/repository_options.ts";

const NOTES: HelpNotes = {
  about: [
    'The backup gets the tag "hold": no policy of agent removes it, and restic forget --keep-tag hold keeps it, ' +
    "too. agent rm refuses to remove it until agent release ends the hold.",
  ],
  examples: [["agent hold prod/shop@2026-08-30"]],
};

const RELEASE_NOTES: HelpNotes = { examples: [["agent release prod/shop@2026-08-30"]] };

/** The specification of `hold`. */
function holdSpecification() {
  const command = new Command("hold")
    .description("keep a backup whatever retention says")
    .usage("[options] SERIES@SELECTOR")
    .argument("<backup>", "which backup; see agent get --help")
    .addHelpText("after", helpNotes(NOTES));
  return withRepositoryOptions(command);
}

/** The specification of `release`. */
function releaseSpecification() {
  const command = new Command("release")
    .description("end the hold of a backup, so that retention applies to it again")
    .usage("[options] SERIES@SELECTOR")
    .argument("<backup>", "which backup; see agent get --help")
    .addHelpText("after", helpNotes(RELEASE_NOTES));
  return withRepositoryOptions(command);
}

/** `agent hold`, to be run in `context`. */
export function holdCommand(context: CliContext): CommandUnknownOpts {
  return holdSpecification().action((selector, options, self) =>
    runHold({ selector, hold: true }, allOptions(self, options), context)
  );
}

/** `agent release`, to be run in `context`. */
export function releaseCommand(context: CliContext): CommandUnknownOpts {
  return releaseSpecification().action((selector, options, self) =>
    runHold({ selector, hold: false }, allOptions(self, options), context)
  );
}

/** Holds or releases a backup and reports it. */
async function runHold(
  request: { readonly selector: string; readonly hold: boolean },
  options: RepositoryOptions,
  context: CliContext,
): Promise<void> {
  const { stdout, stderr, world, signal } = context;
  const { backup, isUnchanged } = await setHold(repositoryAccess(options, context), request, { world, signal });
  if (options.json) return await writeJson(stdout, backupJson(backup));
  if (options.quiet) return;
  const { series, id, started } = backup;
  const name = `${series} ${shortId(id)} of ${formatTime(timestampToDate(started))}`;
  const held = isUnchanged ? "is already on hold" : "is on hold";
  const released = isUnchanged ? "was not on hold" : "is no longer on hold";
  await writeLine(stderr, `${name} ${request.hold ? held : released}`);
}
