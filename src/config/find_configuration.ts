/**
 * Where the configuration file is: named by option or variable, else the user's own, else that of the machine. Never
 * the working directory: whoever can write there would decide what this program runs.
 */
import { systemReason, UsageError } from "../base/errors.ts";
import type { Configuration } from "./configuration.ts";
import type { TrustedOwner } from "./trusted_file.ts";

/** What finding the file takes from its process. */
export interface ConfigurationMachine extends TrustedOwner {
  /** An environment variable. */
  readonly env: (name: string) => string | undefined;
  /** The working directory, for a relative path that is named. */
  readonly directory: () => string;
}

/** A configuration file that was found. */
interface Place {
  readonly path: string;
  /** Whether it was named, so that it has to be there. */
  readonly isNamed: boolean;
}

const FILE = "agent.toml";
/** What is named to use no configuration file at all. */
const NONE = "/dev/null";
const MOST_BYTES = 1024 * 1024;
const WHAT = "configuration file";

/**
 * The configuration that counts; undefined if there is none. `named` is the option's value. Throws `UsageError` if a
 * named file is missing or a file is not trusted, and `ConfigurationError` for mistakes in it.
 */
export async function findConfiguration(
  named: string | undefined,
  machine: ConfigurationMachine,
): Promise<Configuration | undefined> {
  const path = await configurationPath(named, machine);
  if (path === undefined) return undefined;
  try {
    return await readConfiguration(path, machine);
  } catch (error) {
    const isNamed = (named ?? machine.env("AGENT_CONFIG") ?? "") !== "";
    if (!isNamed && isOfOthers(path, error)) return undefined;
    throw error;
  }
}

/** The path of the file that counts; undefined if there is none. Throws `UsageError` if a named one is missing. */
export async function configurationPath(
  named: string | undefined,
  machine: ConfigurationMachine,
): Promise<string | undefined> {
  for (const { path, isNamed } of places(named, machine)) {
    if (path === NONE) return undefined;
    if (await exists(path, { isNamed })) return path;
    if (isNamed) throw new UsageError(`There is no ${WHAT} "${path}"; check --config or AGENT_CONFIG`);
  }
  return undefined;
}

/** The configuration in the file at `path`. What reads and parses it is loaded here: most starts have no file. */
export async function readConfiguration(path: string, owner: TrustedOwner): Promise<Configuration> {
  const { readTrustedFile } = await import("./trusted_file.ts");
  const text = await readTrustedFile(path, { what: WHAT, mostBytes: MOST_BYTES }, owner);
  const { parseConfiguration } = await import("./parse/parse_configuration.ts");
  return parseConfiguration(text, path);
}

/** Where the user's own file is; undefined without a home. */
export function ownConfigurationPath({ env }: Pick<ConfigurationMachine, "env">): string | undefined {
  const folder = ownConfigurationFolder({ env });
  return folder === undefined ? undefined : `${folder}/${FILE}`;
}

/**
 * The user's own folder for what configures this program (XDG Base Directory Specification, which ignores relative
 * paths); undefined without a home. A home of `/` counts as none: containers give it to users without one.
 */
export function ownConfigurationFolder({ env }: Pick<ConfigurationMachine, "env">): string | undefined {
  const xdg = env("XDG_CONFIG_HOME");
  if (xdg?.startsWith("/")) return `${xdg.replace(/\/+$/, "")}/agent`;
  const home = env("HOME");
  return home?.startsWith("/") && home !== "/" ? `${home.replace(/\/+$/, "")}/.config/agent` : undefined;
}

/** The machine's file. */
export const MACHINE_CONFIGURATION_PATH = `/etc/agent/${FILE}`;

function places(named: string | undefined, machine: ConfigurationMachine): Place[] {
  const path = named ?? (machine.env("AGENT_CONFIG") || undefined);
  if (path !== undefined) return [{ path: absolute(path, machine), isNamed: true }];
  const own = ownConfigurationPath(machine);
  return [...own === undefined ? [] : [own], MACHINE_CONFIGURATION_PATH].map((path) => ({ path, isNamed: false }));
}

function absolute(path: string, { directory }: ConfigurationMachine): string {
  if (path === "") throw new UsageError(`Not a ${WHAT}: the path is empty`);
  return path.startsWith("/") ? path : `${directory()}/${path}`;
}

/**
 * Whether there is something at a path, a broken link included. What lies in a folder that the user may not look into
 * counts as missing: it is somebody else's home, or not meant for this user.
 */
async function exists(path: string, { isNamed }: Pick<Place, "isNamed">): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return false;
    if (!isNamed && error instanceof Deno.errors.PermissionDenied) return false;
    throw new UsageError(`Cannot look for the ${WHAT} "${path}": ${systemReason(error)}`, { cause: error });
  }
}

/** The machine's file counts as missing for users who may not read it: it is not meant for them. */
function isOfOthers(path: string, error: unknown): boolean {
  if (path !== MACHINE_CONFIGURATION_PATH || !(error instanceof Error)) return false;
  return [error, error.cause].some((reason) => reason instanceof Deno.errors.PermissionDenied);
}
