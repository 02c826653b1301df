/** How an agent gets at its repository: the store, the password, the caches. */
import { UsageError } from "../../base/errors.ts";
import type { Password } from "../../crypto/kdf.ts";
import type { CacheAccess, RepositoryAccess, World } from "../../ops/access.ts";
import { passwordOfCommand } from "../../password/password_command.ts";
import { passwordOfFile, type PasswordUse } from "../../password/password_file.ts";
import { cacheDirectory, cacheLimit } from "../../store/cache/cache_place.ts";
import { LastKey } from "../../store/cache/last_key.ts";
import { proxiesOf } from "../../store/http/proxy_variables.ts";
import type { StoreDependencies, StoreRegistry } from "../../store/store_urls.ts";
import type { AgentOptions } from "./agent_options.ts";
import type { ConfiguredOptions } from "./configured.ts";

/** What an agent's repository is opened with. */
interface AccessTools {
  readonly world: World;
  readonly stores: StoreRegistry;
  readonly environment: Readonly<Record<string, string>>;
}

/** Access to the repository of an agent. Nothing is opened or asked for yet. */
export function accessOf(options: ConfiguredOptions, tools: AccessTools): RepositoryAccess {
  const { repository, retryLockMs = 0 } = options;
  const { world, stores } = tools;
  const directory = cacheDirectoryOf(options, tools);
  const cache = cacheAt(directory, options, tools);
  return {
    openStore: () => stores.open(repository, storeDependencies(options, tools)),
    password: passwordSource(options, { isNew: false }),
    retryLockMs,
    cache: () => Promise.resolve(stores.isRemote(repository) ? cache : undefined),
    listCache: () => Promise.resolve(cache),
    ...directory !== undefined && {
      keyMemory: (location) => new LastKey({ directory, location, random: world.randomBytes }),
    },
  };
}

/**
 * Returns the password, from wherever the options say that it comes. Throws `UsageError` unless they say it once. A
 * password in a file or from a command is read again whenever it is needed: it may have been changed.
 */
export function passwordSource(
  { password, passwordFile, passwordCommand }: AgentOptions,
  use: PasswordUse,
): () => Promise<Password> {
  const given = [password, passwordFile, passwordCommand].filter((way) => way !== undefined).length;
  if (given !== 1) {
    throw new UsageError(
      `${given === 0 ? "No password is given" : "The password is given twice"}: an agent needs one of password, ` +
        "passwordFile and passwordCommand",
    );
  }
  if (passwordFile !== undefined) return () => passwordOfFile(passwordFile, "password", use);
  if (passwordCommand !== undefined) return () => passwordOfCommand(passwordCommand, []);
  if (password!.length === 0) throw new UsageError("Refusing an empty password: choose another");
  return () => Promise.resolve(password!);
}

/** Where an agent keeps what it read; undefined for nowhere. */
export function cacheDirectoryOf(
  { cacheDirectory: given }: Pick<AgentOptions, "cacheDirectory">,
  { environment }: Pick<AccessTools, "environment">,
): string | undefined {
  return given === null ? undefined : cacheDirectory(given, (name) => environment[name]);
}

function cacheAt(
  directory: string | undefined,
  { onProblem }: AgentOptions,
  { environment }: AccessTools,
): CacheAccess | undefined {
  if (directory === undefined) return undefined;
  return { directory, limitBytes: cacheLimit((name) => environment[name]), ...onProblem && { onProblem } };
}

function storeDependencies(
  { settings = {}, network, onRetry, credentials }: ConfiguredOptions,
  { world, environment }: AccessTools,
): StoreDependencies {
  const env = (name: string) => environment[name] ?? credentials[name];
  return {
    random: world.randomBytes,
    clock: world.clock,
    env,
    network: { userAgent: world.programVersion.replace(" ", "/"), ...proxiesOf(env), ...network },
    settings: new Map(Object.entries(settings)),
    ...onRetry && { onRetry },
  };
}
