/** `agent init`: creates a repository. */
import { Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { init } from "../../ops/init.ts";
import { allOptions, type OptionsOf } from "../specification.ts";
import type { CliContext } from "../context.ts";
import { type HelpNotes, helpNotes } from "../terminal/help_text.ts";
import { writeJson, writeLine } from "../terminal/write.ts";
import { writePasswordFile } from "../password/new_file.ts";
import { firstPassword } from "../password/sources.ts";
import { repositoryAccess, withRepositoryOptions } from "../options/repository_options.ts";
import { initJson } from "../report/json/keys_json.ts";

const NOTE: HelpNotes = {
  about: ["The password cannot be recovered: without it the backups are lost. Keep a copy somewhere else."],
  examples: [["agent init -r /backup/repo --new-password-file /etc/agent.password"]],
};

/** The command's specification. */
function specification() {
  const command = new Command("init")
    .description("make a repository")
    .option("--new-password-file <file>", "make a strong password and write it to this new file (mode 0600)")
    .addHelpText("after", helpNotes(NOTE));
  return withRepositoryOptions(command);
}

type InitOptions = OptionsOf<typeof specification>;

/** The command, to be run in `context`. */
export function initCommand(context: CliContext): CommandUnknownOpts {
  return specification().action((options, self) => run(allOptions(self, options), context));
}

async function run(options: InitOptions, context: CliContext): Promise<void> {
  const { stdout, stderr, world } = context;
  const store = await repositoryAccess(options, context).openStore();
  const file = options.newPasswordFile;
  const made = file === undefined ? undefined : await writePasswordFile(file, world.randomBytes);
  let result;
  try {
    result = await init(store, made ?? await firstPassword(options, context), context);
  } catch (error) {
    throw made?.explain(error) ?? error;
  }
  if (options.json) {
    await writeJson(stdout, initJson(result, file ?? null));
  } else if (!options.quiet) {
    await writeLine(stderr, `Made a repository in ${result.location}`);
    if (file !== undefined) {
      await writeLine(stderr, `Its password is in ${file}; without it the backups are lost, so keep a copy elsewhere`);
    }
  }
}
