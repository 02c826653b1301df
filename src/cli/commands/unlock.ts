/** `agent unlock`: removes locks that no process needs any more. */
import { Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { shortId } from "../../base/id.ts";
import type { Lock } from "../../format/lock.ts";
import { unlock } from "../../ops/unlock.ts";
import { allOptions, type OptionsOf } from "../specification.ts";
import type { CliContext } from "../context.ts";
import { type HelpNotes, helpNotes } from "../terminal/help_text.ts";
import { writeJson, writeLine } from "../terminal/write.ts";
import { repositoryAccess, withRepositoryOptions } from "../options/repository_options.ts";
import { removedLockJson } from "../report/json/keys_json.ts";

const NOTES: HelpNotes = {
  examples: [
    ["agent unlock"],
    ["agent unlock --remove-all", "only if you know that nobody uses the repository"],
  ],
};

/** The command's specification. */
function specification() {
  const command = new Command("unlock")
    .description(
      "remove stale locks: those not refreshed for 30 minutes and those of processes of this host that are gone",
    )
    .option("--remove-all", "remove every lock, even of processes that are at work")
    .addHelpText("after", helpNotes(NOTES));
  return withRepositoryOptions(command);
}

type UnlockOptions = OptionsOf<typeof specification>;

/** The command, to be run in `context`. */
export function unlockCommand(context: CliContext): CommandUnknownOpts {
  return specification().action((options, self) => run(allOptions(self, options), context));
}

async function run(options: UnlockOptions, context: CliContext): Promise<void> {
  const { stdout, stderr } = context;
  const removed = await unlock(repositoryAccess(options, context), { all: options.removeAll ?? false }, context);
  for (const found of removed) {
    if (options.json) await writeJson(stdout, removedLockJson(found));
    else if (!options.quiet) {
      await writeLine(stderr, `Removed ${describeLock(found.lock)}, ${shortId(found.id)}`);
    }
  }
  if (removed.length === 0 && !options.json && !options.quiet) {
    const none = options.removeAll
      ? "No locks to remove"
      : "No stale locks to remove; --remove-all removes those of processes at work, too";
    await writeLine(stderr, none);
  }
}

/** Describes a lock. An unreadable one names no process. */
function describeLock({ exclusive, pid, hostname }: Lock): string {
  if (pid === 0) return "a lock that could not be read";
  return `the ${exclusive ? "exclusive" : "shared"} lock of process ${pid} on ${hostname}`;
}
