/** `agent init`: creates a repository. */
import { Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { UsageError } from "../../base/errors.ts";
import { init, readChunking } from "../../ops/init.ts";
import { allOptions, type OptionsOf } from "../specification.ts";
import type { CliContext } from "../context.ts";
import { type HelpNotes, helpNotes } from "../terminal/help_text.ts";
import { writeJson, writeLine } from "../terminal/write.ts";
import { writePasswordFile } from "../password/new_file.ts";
import { passwordForNew, repositoryAccess, withRepositoryOptions } from "../options/repository_options.ts";
import { namesSecondRepository, secondRepositoryAccess, withSecondRepository } from "../options/second_repository.ts";
import { initJson } from "../report/json/keys_json.ts";

const NOTE: HelpNotes = {
  about: ["The password cannot be recovered: without it the backups are lost. Keep a copy somewhere else."],
  examples: [
    ["agent init -r /backup/repo --new-password-file /etc/agent.password"],
    ["agent init -r /away/repo --copy-chunker-params --from /backup/repo"],
  ],
};

/** The command's specification. */
function specification() {
  const command = new Command("init")
    .description("make a repository")
    .option("--new-password-file <file>", "make a strong password and write it to this new file (mode 0600)")
    .option("--copy-chunker-params", "cut streams as another repository does (--from), so that copies share chunks")
    .addHelpText("after", helpNotes(NOTE));
  return withSecondRepository(withRepositoryOptions(command), "from");
}

type InitOptions = OptionsOf<typeof specification>;

/** The command, to be run in `context`. */
export function initCommand(context: CliContext): CommandUnknownOpts {
  return specification().action((options, self) => run(allOptions(self, options), context));
}

/** How the repository to copy from cuts; undefined if that is not to be copied. Throws `UsageError`. */
async function chunkingOf(options: InitOptions, context: CliContext) {
  if (options.copyChunkerParams) return await readChunking(secondRepositoryAccess("from", options, context), context);
  if (namesSecondRepository("from", options)) {
    throw new UsageError("--from and its options only go with --copy-chunker-params; agent copy copies backups");
  }
  return undefined;
}

async function run(options: InitOptions, context: CliContext): Promise<void> {
  const { stdout, stderr, world } = context;
  const chunking = await chunkingOf(options, context);
  const store = await repositoryAccess(options, context).openStore();
  const file = options.newPasswordFile;
  const made = file === undefined ? undefined : await writePasswordFile(file, world.randomBytes);
  let result;
  try {
    result = await init(store, made ?? await passwordForNew(options, context), { ...context, chunking });
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
