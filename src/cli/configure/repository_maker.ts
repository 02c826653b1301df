/** Tries what was answered about a repository, and makes it. */
import { dirname } from "node:path/posix";
import { AgentError, systemReason, UsageError } from "../../base/errors.ts";
import type { Configuration } from "../../config/configuration.ts";
import { selectProfile } from "../../config/selection.ts";
import { init } from "../../ops/init.ts";
import { isRepositoryThere, tryAccess } from "../../library/opening/try_repository.ts";
import { ActiveSettings } from "../active_settings.ts";
import type { CliContext } from "../context.ts";
import { passwordForNew, repositoryAccess, type RepositoryOptions } from "../options/repository_options.ts";
import { writePasswordFile } from "../password/new_file.ts";
import type { PasswordAnswer, RepositoryAnswer } from "./answers.ts";
import type { RepositoryTrial } from "./ask_repository.ts";
import { REPOSITORY_NAME } from "./configuration_file.ts";

/** How answers are tried: as the file would say them, with the options of the command line. */
export interface TrialGround {
  readonly options: RepositoryOptions;
  readonly context: CliContext;
  /** The configuration that the file would hold with this answer. */
  readonly configurationWith: (answer: Pick<RepositoryAnswer, "url"> & Partial<RepositoryAnswer>) => Configuration;
}

/** Tries answers. */
export function repositoryTrial(ground: TrialGround): RepositoryTrial {
  const { context } = ground;
  return {
    async find(url) {
      return await isRepositoryThere(repositoryAccess(...opening(ground, { url })), context);
    },
    async check(answer) {
      if (answer.exists) await tryAccess(repositoryAccess(...opening(ground, answer)), context);
      else if (answer.password.kind === "new-file") await refuseTaken(answer.password.path);
      else await passwordForNew(...opening(ground, answer));
    },
  };
}

/** Makes a repository and, if that is wanted, the file with its password. Returns where it is. */
export async function makeRepository(answer: RepositoryAnswer, ground: TrialGround): Promise<string> {
  const { context } = ground;
  const { password } = answer;
  const store = await repositoryAccess(...opening(ground, answer)).openStore();
  const made = password.kind === "new-file" ? await newPasswordFile(password.path, context) : undefined;
  try {
    return (await init(store, made ?? await passwordForNew(...opening(ground, answer)), context)).location;
  } catch (error) {
    throw made?.explain(error) ?? error;
  }
}

/** The options that name the repository of the file, and win over the environment, which may name another one. */
export function namingOptions(password: PasswordAnswer | undefined): Pick<
  RepositoryOptions,
  "repo" | "passwordFile" | "passwordCommand"
> {
  const repo = REPOSITORY_NAME;
  if (password === undefined) return { repo };
  if (password.kind === "command") return { repo, passwordCommand: password.command };
  return { repo, passwordFile: password.path };
}

/** Options and context in which an answer is what the file says. */
function opening(
  { options, context, configurationWith }: TrialGround,
  answer: Pick<RepositoryAnswer, "url"> & Partial<RepositoryAnswer>,
): [RepositoryOptions, CliContext] {
  const { repositoryFile: _, passwordFile: __, passwordCommand: ___, ...others } = options;
  const { env, envBytes } = context;
  const settings = new ActiveSettings();
  const variable = envBytes ?? ((name: string) => new TextEncoder().encode(env(name)));
  settings.use(selectProfile(configurationWith(answer), undefined), variable);
  return [{ ...others, ...namingOptions(answer.password) }, { ...context, settings }];
}

async function newPasswordFile(path: string, { world }: CliContext) {
  try {
    await Deno.mkdir(dirname(path), { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new AgentError(`Cannot make the folder of "${path}": ${systemReason(error)}`, { cause: error });
  }
  return await writePasswordFile(path, world.randomBytes);
}

async function refuseTaken(path: string): Promise<void> {
  try {
    await Deno.lstat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    throw new AgentError(`Cannot look for "${path}": ${systemReason(error)}`, { cause: error });
  }
  throw new UsageError(
    `"${path}" is there already and may hold another password: name a new file, or say that it is the one`,
  );
}
