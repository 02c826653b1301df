/**
 * What `[repositories.NAME]` says of the repository that a command opens. It counts where neither options nor the
 * environment say the same, and before profiles and defaults, which do not know the repository.
 */
import { UsageError } from "../../base/errors.ts";
import { NAME, type RepositorySettings } from "../../config/configuration.ts";
import { LOGIN_VARIABLES, S3_KEY_VARIABLES } from "../../config/credential_variables.ts";
import { readSecret } from "../../config/read_secret.ts";
import { type SecretKey, secretOf } from "../../config/secret_references.ts";
import { refuseUnknownRepository } from "../../config/unknown_repository.ts";
import type { CliContext } from "../context.ts";
import { isSet, variableFor } from "./variables.ts";

/** The option values that a repository's settings may replace. */
interface Replaceable {
  readonly repo?: string;
  readonly repositoryFile?: string;
  readonly passwordFile?: string;
  readonly passwordCommand?: string;
  readonly retryLock?: string;
  readonly option?: string[];
  readonly cacert?: string;
  readonly tlsClientCert?: string;
  readonly insecureTls?: true;
  readonly limitUpload?: string;
  readonly limitDownload?: string;
  readonly noCache?: true;
}

/** How to open the repository that was named. */
interface Opening<Options> {
  readonly options: Options;
  readonly context: CliContext;
  /** The environment for stores, in which the repository's credentials are. */
  readonly storeEnvironment: () => Promise<CliContext["env"]>;
}

/**
 * `options` and `context` with what the file says of the repository, if a name is given. `prefix` is that of the
 * options of a second repository, such as `from`, and empty for the main one.
 */
export function openingOf<Options extends Replaceable>(
  options: Options,
  context: CliContext,
  prefix: string,
): Opening<Options> {
  const name = nameOf(options, context);
  const repository = NAME.test(name) ? context.settings?.repository(name) : undefined;
  if (repository === undefined) return { options, context, storeEnvironment: () => Promise.resolve(context.env) };
  const place = textsOf(repository, { url: "repo", "repository-file": "repositoryFile" });
  const { repo: _, ...rest } = options;
  return {
    options: {
      ...rest,
      ...networkOf(repository, options, context),
      ...place,
      ...passwordOf(repository, options, context, prefix),
    } as Options,
    context: withPassword(repository, context),
    storeEnvironment: () => storeEnvironment(repository, context),
  };
}

/** Throws `UsageError` if a repository is named that the file does not have. Not even `init` makes a folder of it. */
export async function refuseUnknownName(options: Replaceable, context: CliContext): Promise<void> {
  const selection = context.settings?.selection;
  if (selection !== undefined) await refuseUnknownRepository(selection, nameOf(options, context));
}

/** The name or place of the repository, as far as it may be a name; empty if there is none. */
function nameOf({ repo, repositoryFile }: Replaceable, { env }: CliContext): string {
  return repositoryFile === undefined ? repo ?? env("AGENT_REPOSITORY") ?? "" : "";
}

/** Whether an option is given on the command line, not by the file. */
function isGiven(attribute: string, options: object, { settings }: CliContext, prefix = ""): boolean {
  const whole = prefix === "" ? attribute : `${prefix}${attribute.charAt(0).toUpperCase()}${attribute.slice(1)}`;
  return (options as Record<string, unknown>)[attribute] !== undefined && !settings?.has(whole);
}

const NETWORK: Readonly<Record<string, keyof Replaceable>> = {
  "retry-lock": "retryLock",
  "cacert": "cacert",
  "tls-client-cert": "tlsClientCert",
  "insecure-tls": "insecureTls",
  "limit-upload": "limitUpload",
  "limit-download": "limitDownload",
  "no-cache": "noCache",
};

function networkOf({ settings }: RepositorySettings, options: Replaceable, context: CliContext): Replaceable {
  const replaced = Object.entries(NETWORK).flatMap(([key, attribute]) => {
    const value = settings.get(key)?.value;
    if (value === undefined || isGiven(attribute, options, context) || variableFor(key, context)) return [];
    return [[attribute, typeof value === "boolean" ? value || undefined : String(value)]];
  });
  const added = settings.get("option")?.value as readonly string[] | undefined;
  if (added === undefined) return Object.fromEntries(replaced);
  const ofFile = context.settings?.value("option") as readonly string[] | undefined ?? [];
  const given = (options.option ?? []).slice(ofFile.length);
  return { ...Object.fromEntries(replaced), option: [...ofFile, ...added, ...given] };
}

/** The password options: those of the command line, or those of the repository if it has any. */
function passwordOf(
  repository: RepositorySettings,
  options: Replaceable,
  context: CliContext,
  prefix: string,
): Pick<Replaceable, "passwordFile" | "passwordCommand"> {
  const isElsewhere = ["passwordFile", "passwordCommand"].some((name) => isGiven(name, options, context, prefix)) ||
    variableFor("password-file", context) !== undefined;
  const secret = secretOf(repository, "password");
  const own = {
    ...textsOf(repository, { "password-file": "passwordFile", "password-command": "passwordCommand" }),
    ...secret?.kind === "file" && { passwordFile: secret.path },
    ...secret?.kind === "command" && { passwordCommand: secret.command },
  };
  if (isElsewhere || secret === undefined && Object.keys(own).length === 0) return {};
  return { passwordFile: undefined, passwordCommand: undefined, ...own } as typeof own;
}

function textsOf({ settings }: RepositorySettings, attributes: Readonly<Record<string, keyof Replaceable>>) {
  return Object.fromEntries(
    Object.entries(attributes).flatMap(([key, attribute]) => {
      const value = settings.get(key)?.value;
      return value === undefined ? [] : [[attribute, value as string]];
    }),
  );
}

const PASSWORD_VARIABLE = "AGENT_PASSWORD";

/** The context with the password that the file takes from a variable, unless there is one in the environment. */
function withPassword(repository: RepositorySettings, context: CliContext): CliContext {
  const secret = secretOf(repository, "password");
  if (secret?.kind !== "env" || variableFor("password-file", context) !== undefined) return context;
  const { env, envBytes } = context;
  const bytesOf = (name: string) =>
    name === PASSWORD_VARIABLE
      ? neededVariable(secret.name, repository, context)
      : envBytes?.(name) ?? (env(name) === undefined ? undefined : new TextEncoder().encode(env(name)));
  return { ...context, envBytes: bytesOf };
}

function neededVariable(name: string, repository: RepositorySettings, { settings }: CliContext): Uint8Array {
  const value = settings?.variable(name);
  if (value !== undefined) return value;
  throw new UsageError(`The variable ${name} is not set: the repository "${repository.name}" has a secret there`);
}

/** The environment for stores: credentials of the repository, where the environment has none. */
async function storeEnvironment(repository: RepositorySettings, context: CliContext): Promise<CliContext["env"]> {
  const own = new Map<string, string>();
  const add = async (variable: string, key: string) => {
    const secret = key === "rest-username" || key === "s3-access-key-id"
      ? repository.settings.get(key)?.value as string | undefined
      : await secretText(repository, key as SecretKey, context);
    if (secret !== undefined) own.set(variable, secret);
  };
  if (!LOGIN_VARIABLES.some((name) => isSet(name, context))) {
    await add("AGENT_REST_USERNAME", "rest-username");
    await add("AGENT_REST_PASSWORD", "rest-password");
  }
  if (!S3_KEY_VARIABLES.some((name) => isSet(name, context))) {
    await add("AWS_ACCESS_KEY_ID", "s3-access-key-id");
    await add("AWS_SECRET_ACCESS_KEY", "s3-secret-access-key");
  }
  return (name) => own.get(name) ?? context.env(name);
}

async function secretText(
  repository: RepositorySettings,
  key: SecretKey,
  context: CliContext,
): Promise<string | undefined> {
  const secret = secretOf(repository, key);
  if (secret === undefined) return undefined;
  if (secret.kind === "command" && context.runsPasswordCommands === false) {
    throw new UsageError("No password command may be run here");
  }
  const variable = (name: string) => neededVariable(name, repository, context);
  const bytes = await readSecret(secret, key, { variable, withheld: context.withheldSecrets ?? [] });
  return new TextDecoder().decode(bytes);
}
