/**
 * The options and variables of a second repository. Each of the main repository's has its counterpart with a prefix:
 * `--from-password-file` and AGENT_FROM_PASSWORD_FILE for `--password-file` and AGENT_PASSWORD_FILE.
 */
import { Command, type OptionValues } from "@commander-js/extra-typings";
import type { RepositoryAccess } from "../../ops/access.ts";
import type { CliContext } from "../context.ts";
import { S3_KEY_VARIABLES } from "../../config/credential_variables.ts";
import { type OptionsOf, withOptions } from "../specification.ts";
import { repositoryAccess, type RepositoryOptions } from "./repository_options.ts";

/** The options of second repositories, by prefix. */
const GROUPS = {
  from: new Command()
    .optionsGroup("Repository to copy from:")
    .option("--from <url>", "repository: name, path or URL (AGENT_FROM_REPOSITORY)")
    .option("--from-repository-file <file>", "file that holds the repository's URL (AGENT_FROM_REPOSITORY_FILE)")
    .option("--from-password-file <file>", "file that holds the password (AGENT_FROM_PASSWORD_FILE)")
    .option("--from-password-command <command>", "command that prints the password (AGENT_FROM_PASSWORD_COMMAND)"),
  also: new Command()
    .optionsGroup("Second repository:")
    .option("--also <url>", "repository: name, path or URL (AGENT_ALSO_REPOSITORY)")
    .option("--also-repository-file <file>", "file that holds the repository's URL (AGENT_ALSO_REPOSITORY_FILE)")
    .option("--also-password-file <file>", "file that holds the password (AGENT_ALSO_PASSWORD_FILE)")
    .option("--also-password-command <command>", "command that prints the password (AGENT_ALSO_PASSWORD_COMMAND)"),
} as const;

type Prefix = keyof typeof GROUPS;

/** What messages call a second repository, and whether restic has variables for it. */
const KINDS: Readonly<Record<Prefix, { readonly name: string; readonly isKnownToRestic: boolean }>> = {
  from: { name: "repository to copy from", isKnownToRestic: true },
  also: { name: "second repository", isKnownToRestic: false },
};

type SecondOptions<Second extends Prefix> = OptionsOf<typeof GROUPS[Second]>;

/** `command` with the options of a second repository. */
export function withSecondRepository<Args extends unknown[], Own extends OptionValues, Second extends Prefix>(
  command: Command<Args, Own>,
  prefix: Second,
): Command<Args, Own & SecondOptions<Second>> {
  const group = GROUPS[prefix] as unknown as Command<[], SecondOptions<Second>>;
  return withOptions(command, group) as unknown as Command<Args, Own & SecondOptions<Second>>;
}

/** Whether any option of a second repository is given; its variables do not count, since they hold for every command. */
export function namesSecondRepository<Second extends Prefix>(prefix: Second, options: SecondOptions<Second>): boolean {
  return Object.values(ownOptions(prefix, options)).some((value) => value !== undefined);
}

/**
 * Access to the second repository that options and environment name. The options that say how to reach servers, how
 * long to wait for locks and what to report are those of the main repository.
 */
export function secondRepositoryAccess<Second extends Prefix>(
  prefix: Second,
  options: RepositoryOptions & SecondOptions<Second>,
  context: CliContext,
): RepositoryAccess {
  const { name, isKnownToRestic } = KINDS[prefix];
  const own = ownOptions(prefix, options);
  const wording = {
    name,
    placeOption: `--${prefix}`,
    passwordOption: `--${prefix}-password-file`,
    variables: `AGENT_${prefix.toUpperCase()}_`,
  };
  const variables = { prefix: `${prefix.toUpperCase()}_`, isKnownToRestic };
  return repositoryAccess({ ...options, ...own }, withVariables(context, variables), wording);
}

type OwnOptions = Pick<RepositoryOptions, "repo" | "repositoryFile" | "passwordFile" | "passwordCommand">;

/** The options of a second repository under the names of the main one's. */
function ownOptions(prefix: Prefix, options: object): OwnOptions {
  const given = options as Readonly<Record<string, string>>;
  const own = (name: string) => given[`${prefix}${name}`]!;
  return {
    repo: own(""),
    repositoryFile: own("RepositoryFile"),
    passwordFile: own("PasswordFile"),
    passwordCommand: own("PasswordCommand"),
  };
}

/** How the variables of a second repository begin, after `AGENT_`, and whether restic has such variables, too. */
interface SecondVariables {
  readonly prefix: string;
  readonly isKnownToRestic: boolean;
}

/** The variables that name a repository and its password, which restic has for its second repository, too. */
const PLACE_AND_PASSWORD = /^(AGENT|RESTIC)_((?:REPOSITORY|PASSWORD)(?:_FILE|_COMMAND)?)$/;
/** The credentials of HTTP stores; restic has none of their own for its second repository. */
const SERVER_LOGIN = /^(AGENT|RESTIC)_(REST_(?:USERNAME|PASSWORD))$/;

/** Variables that name the files with these keys. */
const FILES_OF_S3 = ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"];

/** The context with an environment in which the second repository's variables have the names of the main one's. */
function withVariables(context: CliContext, variables: SecondVariables): CliContext {
  const { env, envBytes } = context;
  return {
    ...context,
    env: (name) => secondVariable(name, env, variables),
    ...envBytes && { envBytes: (name) => secondVariable(name, envBytes, variables) },
  };
}

/**
 * The value of a variable for the second repository. Its place, its password and the login of its server are only its
 * own: a password must not reach a server that it is not meant for. Keys of S3 are never sent, only used to sign, and
 * one account often owns both buckets. So each variable of S3 that is not set with the prefix is the main
 * repository's; but once a variable with the prefix says whose keys to use, no other keys are looked for.
 */
function secondVariable<T extends { readonly length: number }>(
  name: string,
  env: (name: string) => T | undefined,
  { prefix, isKnownToRestic }: SecondVariables,
): T | undefined {
  const [, program, rest] = PLACE_AND_PASSWORD.exec(name) ?? SERVER_LOGIN.exec(name) ?? [];
  if (program !== undefined) {
    const exists = program === "AGENT" || isKnownToRestic && !SERVER_LOGIN.test(name);
    return exists ? env(`${program}_${prefix}${rest}`) : undefined;
  }
  if (!name.startsWith("AWS_")) return env(name);
  const own = (variable: string) => unlessEmpty(env(`AGENT_${prefix}${variable}`));
  const hasOwnKeys = () => [...S3_KEY_VARIABLES, ...FILES_OF_S3].some((variable) => own(variable) !== undefined);
  return own(name) ?? (S3_KEY_VARIABLES.includes(name) && hasOwnKeys() ? undefined : env(name));
}

/** An empty variable counts as not set. */
function unlessEmpty<T extends { readonly length: number }>(value: T | undefined): T | undefined {
  return value?.length ? value : undefined;
}
