/** `agent init`: make a repository. */
import { Command } from "commander";
import { AgentError, UsageError } from "../../base/errors.ts";
import { init } from "../../ops/init.ts";
import { allOptions } from "../all_options.ts";
import type { CliContext } from "../context.ts";
import { type HelpNotes, helpNotes } from "../help_text.ts";
import { systemReason } from "../failure.ts";
import { writeJson, writeLine } from "../output.ts";
import {
  configuredPassword,
  newPassword,
  repositoryAccess,
  type RepositoryOptions,
  withRepositoryOptions,
} from "../repository_options.ts";

interface InitOptions extends RepositoryOptions {
  readonly newPasswordFile?: string;
}

const NOTE: HelpNotes = {
  about: ["The password cannot be recovered: without it the backups are lost. Keep a copy somewhere else."],
  examples: [["agent init -r /backup/repo --new-password-file /etc/agent.password"]],
};

/** The command's specification. */
export function initCommand(context: CliContext): Command {
  const command = new Command("init")
    .description("make a repository")
    .option("--new-password-file <file>", "make a strong password and write it to this new file (mode 0600)")
    .addHelpText("after", helpNotes(NOTE))
    .action((options: InitOptions, self: Command) => run(allOptions(self, options), context));
  return withRepositoryOptions(command);
}

async function run(options: InitOptions, context: CliContext): Promise<void> {
  const { stdout, stderr, world } = context;
  const store = await repositoryAccess(options, context).openStore();
  const file = options.newPasswordFile;
  const password = file === undefined ? await chosenPassword(options, context) : await writePassword(file, context);
  let result;
  try {
    result = await init(store, { password, isRandom: file !== undefined }, world);
  } catch (error) {
    if (file !== undefined) await Deno.remove(file);
    throw error;
  }
  if (options.json) {
    await writeJson(stdout, { repository: result.location, id: result.repositoryId, passwordFile: file ?? null });
  } else if (!options.quiet) {
    await writeLine(stderr, `Made a repository in ${result.location}`);
    if (file !== undefined) {
      await writeLine(stderr, `Its password is in ${file}; without it the backups are lost, so keep a copy elsewhere`);
    }
  }
}

async function chosenPassword(options: InitOptions, context: CliContext): Promise<string> {
  const password = await configuredPassword(options, context) ?? await newPassword(undefined, context);
  if (password === "") {
    throw new UsageError("Refusing an empty password: choose another, or let --new-password-file make one");
  }
  return password;
}

const PASSWORD_BYTES = 32;

/** A new password of 256 random bits, in a new file that only its owner can read. */
async function writePassword(path: string, { world }: CliContext): Promise<string> {
  const password = world.randomBytes(PASSWORD_BYTES).toBase64({ alphabet: "base64url", omitPadding: true });
  try {
    await Deno.writeTextFile(path, `${password}\n`, { createNew: true, mode: 0o600 });
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) {
      throw new UsageError(
        `Refusing to overwrite "${path}": it may hold the password of another repository; name a new file, or take its password with -p "${path}"`,
        {
          cause: error,
        },
      );
    }
    throw new AgentError(`Cannot write the password file "${path}": ${systemReason(error)}`, { cause: error });
  }
  return password;
}
