/** The options of every command that uses a repository: its place, its password, and the form of the output. */
import { Command, Option, type OptionValues } from "@commander-js/extra-typings";
import { UsageError } from "../../base/errors.ts";
import { parseSpan } from "../../base/text/duration.ts";
import type { CacheAccess, RepositoryAccess } from "../../ops/access.ts";
import type { NewPassword } from "../../ops/new_password.ts";
import { decodeTextFile, trimWhiteSpace } from "../../password/decode.ts";
import { readNamedFile } from "../../password/named_file.ts";
import { builtInStores } from "../../store/built_in.ts";
import { LastKey } from "../../store/cache/last_key.ts";
import type { StoreDependencies } from "../../store/store_urls.ts";
import { cacheDirectory, cacheLimit } from "../../store/cache/cache_place.ts";
import type { CliContext } from "../context.ts";
import { type OptionsOf, withOptions } from "../specification.ts";
import { NETWORK_OPTIONS, networkOptions, retryTeller, storeSettings } from "./network_options.ts";
import { writeWarning } from "../report/warning.ts";
import { openingOf, refuseUnknownName } from "../settings/named_repository.ts";
import {
  firstPassword,
  MAIN_PASSWORD,
  PASSWORD_OPTIONS,
  passwordAccess,
  type PasswordWording,
} from "../password/sources.ts";

const PLACE_OPTIONS = new Command()
  .optionsGroup("Repository:")
  .option("-r, --repo <url>", "repository: name, path or URL (AGENT_REPOSITORY)")
  .option("--repository-file <file>", "file that holds the repository's URL (AGENT_REPOSITORY_FILE)");

/** The options to add to commands. */
const REPOSITORY_OPTIONS = withOptions(
  withOptions(PLACE_OPTIONS, PASSWORD_OPTIONS)
    .option("--pass-secrets", "pass the repository's passwords and credentials to commands")
    .option("--retry-lock <duration>", "wait this long for another process's lock, such as 5m")
    .addOption(noCacheOption())
    .option("--cache-dir <dir>", "where the cache is, with the index on disk (AGENT_CACHE_DIR, ~/.cache/agent)")
    .option("--json", "one JSON object a line")
    .option("-q, --quiet", "no summary and no progress"),
  NETWORK_OPTIONS,
);

/**
 * Makes the option --no-cache. Commander would turn it into a `cache` that is true by default, which would override one
 * given before the command. The type has the name that commander uses, `noCache`.
 */
function noCacheOption() {
  const option = new Option(
    "--no-cache",
    "use no cache on this machine: no copies, and all of the index in memory",
  );
  option.negate = false;
  return option as Option as Option<"--noCache">;
}

/** The values of these options as given. */
export type RepositoryOptions = OptionsOf<typeof REPOSITORY_OPTIONS>;

/** `command` with the options of a repository. */
export function withRepositoryOptions<Args extends unknown[], Own extends OptionValues>(command: Command<Args, Own>) {
  return withOptions(command, REPOSITORY_OPTIONS);
}

/** How messages speak of a repository and its options. */
interface RepositoryWording extends PasswordWording {
  /** The option that names its place. */
  readonly placeOption: string;
}

const MAIN_REPOSITORY: RepositoryWording = { ...MAIN_PASSWORD, placeOption: "-r" };

/** Whether options, environment or file name a repository. */
export function namesRepository(given: RepositoryOptions, around: CliContext): boolean {
  const { options, context } = openingOf(given, around, "");
  return options.repo !== undefined || options.repositoryFile !== undefined ||
    variables(context).some((variable) => (variable("REPOSITORY") ?? variable("REPOSITORY_FILE")) !== undefined);
}

/** Access to the repository that options and environment name. Nothing is opened or asked for yet. */
export function repositoryAccess(
  given: RepositoryOptions,
  around: CliContext,
  wording: RepositoryWording = MAIN_REPOSITORY,
): RepositoryAccess {
  const prefix = wording === MAIN_REPOSITORY ? "" : wording.placeOption.slice("--".length);
  const { options, context, storeEnvironment } = openingOf(given, around, prefix);
  let reading: Promise<string> | undefined;
  const told = new Set<string>();
  const url = () => reading ??= repositoryUrl(options, context, wording);
  const stores = context.stores ?? (() => Promise.resolve(builtInStores()));
  const passwords = passwordAccess(options, context, wording);
  return {
    async openStore() {
      await refuseUnknownName(given, around);
      return (await stores()).open(await url(), await storeDependencies(options, context, await storeEnvironment()));
    },
    ...passwords,
    async password() {
      await refuseUnknownName(given, around);
      return await passwords.password();
    },
    cache: async () => (await stores()).isRemote(await url()) ? cacheOf(options, context, told) : undefined,
    listCache: () => Promise.resolve(cacheOf(options, context, told)),
    keyMemory: (location) => keyMemory(location, options, context),
    retryLockMs: options.retryLock === undefined ? 0 : parseSpan(options.retryLock),
  };
}

/** The password for a repository that is to be made. Throws what `firstPassword` throws. */
export function passwordForNew(given: RepositoryOptions, around: CliContext): Promise<NewPassword> {
  const { options, context } = openingOf(given, around, "");
  return firstPassword(options, context);
}

/** The cache of this machine; undefined if nothing is to be kept. `told` has the warnings that came already. */
function cacheOf(options: RepositoryOptions, context: CliContext, told: Set<string>): CacheAccess | undefined {
  if (options.noCache) return undefined;
  const directory = cacheDirectory(options.cacheDir, context.env);
  if (directory === undefined) return undefined;
  const onProblem = ({ message }: Error) => {
    if (!told.has(message)) void writeWarning(message, options, context.stderr);
    told.add(message);
  };
  return { directory, limitBytes: cacheLimit(context.env), ...options.quiet ? {} : { onProblem } };
}

/** The memory of key files, for local repositories too. */
function keyMemory(location: string, options: RepositoryOptions, { env, world }: CliContext): LastKey | undefined {
  const directory = options.noCache ? undefined : cacheDirectory(options.cacheDir, env);
  return directory === undefined ? undefined : new LastKey({ directory, location, random: world.randomBytes });
}

async function storeDependencies(
  options: RepositoryOptions,
  context: CliContext,
  env: CliContext["env"],
): Promise<StoreDependencies> {
  return {
    random: context.world.randomBytes,
    clock: context.world.clock,
    env,
    network: await networkOptions(options, context),
    settings: storeSettings(options),
    onRetry: retryTeller(options, context),
  };
}

/** The repository's URL. Throws `UsageError` if none is given. */
async function repositoryUrl(
  options: RepositoryOptions,
  context: CliContext,
  { name, placeOption, variables: prefix }: RepositoryWording,
): Promise<string> {
  if (options.repo !== undefined) return options.repo;
  if (options.repositoryFile !== undefined) return await urlOfFile(options.repositoryFile);
  for (const variable of variables(context)) {
    const url = variable("REPOSITORY");
    if (url !== undefined) return url;
    const file = variable("REPOSITORY_FILE");
    if (file !== undefined) return await urlOfFile(file);
  }
  throw new UsageError(`No ${name} given: use ${placeOption} or set ${prefix}REPOSITORY`);
}

/**
 * Our variables, then restic's: any of ours takes precedence over all of restic's. An empty variable counts as not set.
 */
function variables({ env }: CliContext): ((name: string) => string | undefined)[] {
  return ["AGENT", "RESTIC"].map((prefix) => (name) => env(`${prefix}_${name}`) || undefined);
}

/** Reads the URL from a file, as restic does. Throws `UsageError` if the file is not text. */
async function urlOfFile(path: string): Promise<string> {
  const url = trimWhiteSpace(decodeTextFile(await readNamedFile(path, "repository")).bytes);
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(url);
  } catch (cause) {
    throw new UsageError(`The repository file "${path}" is not UTF-8`, { cause });
  }
}
