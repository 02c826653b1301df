/** Tries what was answered about a repository, and makes it. */
import { dirname } from "node:path/posix";
import { AgentError, systemReason, UsageError } from "../../base/errors.ts";
import { init } from "../../ops/init.ts";
import { isRepositoryThere, tryAccess } from "../../ops/try_repository.ts";
import type { CliContext } from "../context.ts";
import { repositoryAccess, type RepositoryOptions } from "../options/repository_options.ts";
import { writePasswordFile } from "../password/new_file.ts";
import { firstPassword } from "../password/sources.ts";
import type { PasswordAnswer, RepositoryAnswer } from "./answers.ts";
import type { RepositoryTrial } from "./ask_repository.ts";

/** Tries answers with the options of the command line. */
export function repositoryTrial(options: RepositoryOptions, context: CliContext): RepositoryTrial {
  return {
    async find(url) {
      const store = await repositoryAccess(withAnswer(options, { url }), context).openStore();
      return await isRepositoryThere(store, context);
    },
    async check({ url, exists, password }) {
      const answered = withAnswer(options, { url, password });
      if (exists) await tryAccess(repositoryAccess(answered, context), context);
      else if (password.kind === "new-file") await refuseTaken(password.path);
      else await firstPassword(answered, context);
    },
  };
}

/** Makes a repository and, if that is wanted, the file with its password. Returns where it is. */
export async function makeRepository(
  { url, password }: RepositoryAnswer,
  options: RepositoryOptions,
  context: CliContext,
): Promise<string> {
  const answered = withAnswer(options, { url, password });
  const store = await repositoryAccess(answered, context).openStore();
  const made = password.kind === "new-file" ? await newPasswordFile(password.path, context) : undefined;
  try {
    return (await init(store, made ?? await firstPassword(answered, context), context)).location;
  } catch (error) {
    throw made?.explain(error) ?? error;
  }
}

/** The options of the command line, with the answers in place of what they say about the repository. */
export function withAnswer(
  options: RepositoryOptions,
  { url, password }: { readonly url: string; readonly password?: PasswordAnswer },
): RepositoryOptions {
  const { repo: _, repositoryFile: __, passwordFile: ___, passwordCommand: ____, ...others } = options;
  if (password === undefined) return { ...others, repo: url };
  if (password.kind === "command") return { ...others, repo: url, passwordCommand: password.command };
  return { ...others, repo: url, passwordFile: password.path };
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
