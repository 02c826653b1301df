/** The options that every command on a repository has: where it is, how it opens, how to speak. */
import { type Command, Option } from "commander";
import { UsageError } from "../base/errors.ts";
import { parseSpan } from "../base/duration.ts";
import type { CacheAccess, RepositoryAccess } from "../ops/access.ts";
import { isRemote, openStore } from "../store/built_in.ts";
import { LastKey } from "../store/cache/last_key.ts";
import type { StoreDependencies } from "../store/registry.ts";
import { cacheDirectory, cacheLimit } from "./cache_directory.ts";
import type { CliContext } from "./context.ts";
import {
  networkOptions,
  type NetworkOptionValues,
  retryTeller,
  storeSettings,
  withNetworkOptions,
} from "./network_options.ts";
import { printable, writeLine } from "./output.ts";
import { readTextFile } from "./text_file.ts";

/** The values of these options as they were given. */
export interface RepositoryOptions extends NetworkOptionValues {
  readonly repo?: string;
  readonly repositoryFile?: string;
  readonly passwordFile?: string;
  readonly passwordCommand?: string;
  readonly retryLock?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** Adds the options to a command. */
export function withRepositoryOptions(command: Command): Command {
  const withRepository = command
    .optionsGroup("Repository:")
    .addOption(new Option("-r, --repo <url>", "repository: a path or a URL (AGENT_REPOSITORY, RESTIC_REPOSITORY)"))
    .addOption(new Option("--repository-file <file>", "file that holds the repository's URL"))
    .addOption(new Option("-p, --password-file <file>", "file that holds the password (AGENT_PASSWORD_FILE)"))
    .addOption(new Option("--password-command <command>", "shell command that prints the password"))
    .addOption(new Option("--retry-lock <duration>", "wait so long for a lock of somebody else, such as 5m"))
    .addOption(new Option("--json", "one JSON object a line"))
    .addOption(new Option("-q, --quiet", "no summary and no progress"));
  return withNetworkOptions(withRepository);
}

/** How to get at the repository that options and environment name; nothing is opened or asked for yet. */
export function repositoryAccess(options: RepositoryOptions, context: CliContext): RepositoryAccess {
  let reading: Promise<string> | undefined;
  const url = () => reading ??= repositoryUrl(options, context);
  return {
    openStore: async () => openStore(await url(), await storeDependencies(options, context)),
    password: () => password(options, context),
    cache: async () => cacheOf(await url(), options, context),
    keyMemory: (location) => keyMemory(location, options, context),
    retryLockMs: options.retryLock === undefined ? 0 : parseSpan(options.retryLock),
  };
}

/** The cache is for stores on other machines. */
function cacheOf(url: string, options: RepositoryOptions, context: CliContext): CacheAccess | undefined {
  if (options.noCache || !isRemote(url)) return undefined;
  const directory = cacheDirectory(options.cacheDir, context.env);
  if (directory === undefined) return undefined;
  const onProblem = ({ message }: Error) => void writeLine(context.stderr, `agent: ${printable(message)}`);
  return { directory, limitBytes: cacheLimit(context.env), ...options.quiet ? {} : { onProblem } };
}

/** Local repositories have key files, too. */
function keyMemory(location: string, options: RepositoryOptions, { env, world }: CliContext): LastKey | undefined {
  const directory = options.noCache ? undefined : cacheDirectory(options.cacheDir, env);
  return directory === undefined ? undefined : new LastKey({ directory, location, random: world.randomBytes });
}

async function storeDependencies(options: RepositoryOptions, context: CliContext): Promise<StoreDependencies> {
  return {
    random: context.world.randomBytes,
    clock: context.world.clock,
    env: context.env,
    network: await networkOptions(options, context),
    settings: storeSettings(options),
    onRetry: retryTeller(options, context),
  };
}

/** The URL; throws `UsageError` where there is none. */
async function repositoryUrl(options: RepositoryOptions, context: CliContext): Promise<string> {
  if (options.repo !== undefined) return options.repo;
  if (options.repositoryFile !== undefined) return await textOf(options.repositoryFile, "repository");
  for (const variable of variables(context)) {
    const url = variable("REPOSITORY");
    if (url !== undefined) return url;
    const file = variable("REPOSITORY_FILE");
    if (file !== undefined) return await textOf(file, "repository");
  }
  throw new UsageError("No repository given: use -r or set AGENT_REPOSITORY");
}

/** The password from option, environment, command or terminal. Throws `UsageError` where there is none of them. */
export async function password(options: RepositoryOptions, context: CliContext): Promise<string> {
  const known = await configuredPassword(options, context);
  if (known !== undefined) return known;
  const asked = await context.askSecret("Password of the repository: ");
  if (asked !== undefined) return asked;
  throw new UsageError("No password given: use --password-file or set AGENT_PASSWORD_FILE (or AGENT_PASSWORD)");
}

/** A password that nobody has to be asked for, or undefined. */
export async function configuredPassword(options: RepositoryOptions, context: CliContext): Promise<string | undefined> {
  if (options.passwordFile !== undefined) return await textOf(options.passwordFile, "password");
  if (options.passwordCommand !== undefined) return await outputOf(options.passwordCommand);
  for (const variable of variables(context)) {
    const value = variable("PASSWORD");
    if (value !== undefined) return value;
    const file = variable("PASSWORD_FILE");
    if (file !== undefined) return await textOf(file, "password");
    const command = variable("PASSWORD_COMMAND");
    if (command !== undefined) return await outputOf(command);
  }
  return undefined;
}

/** A new password: from a file, or asked for twice. */
export async function newPassword(file: string | undefined, context: CliContext): Promise<string> {
  if (file !== undefined) return await textOf(file, "new password");
  const first = await context.askSecret("New password: ");
  if (first === undefined) throw new UsageError("No new password given: use --new-password-file");
  if (first !== await context.askSecret("The same again: ")) throw new UsageError("The two passwords differ");
  return first;
}

/** Our variables and then restic's: any of ours wins over all of restic's. An empty variable counts as not set. */
function variables({ env }: CliContext): ((name: string) => string | undefined)[] {
  return ["AGENT", "RESTIC"].map((prefix) => (name) => env(`${prefix}_${name}`) || undefined);
}

async function textOf(path: string, what: string): Promise<string> {
  return (await readTextFile(path, what)).trim();
}

async function outputOf(command: string): Promise<string> {
  const { success, code, stdout } = await new Deno.Command("/bin/sh", {
    args: ["-c", command],
    // Standard input is the stream to be backed up.
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).output();
  if (!success) throw new UsageError(`The password command exited with ${code}`);
  return new TextDecoder().decode(stdout).trim();
}
