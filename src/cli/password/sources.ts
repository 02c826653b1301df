/** The sources of passwords: options, variables, files, commands, and the terminal. */
import { Command } from "@commander-js/extra-typings";
import { UsageError } from "../../base/errors.ts";
import type { RepositoryAccess } from "../../ops/access.ts";
import type { NewPassword } from "../../ops/new_password.ts";
import { passwordOfCommand } from "../../password/password_command.ts";
import { passwordOfFile, type PasswordUse } from "../../password/password_file.ts";
import type { CliContext } from "../context.ts";
import type { OptionsOf } from "../specification.ts";
import { explainMissing } from "./missing_file.ts";
import { type PasswordFile, writePasswordFile } from "./new_file.ts";

/** The password options to add to commands. */
export const PASSWORD_OPTIONS = new Command()
  .optionsGroup("Repository:")
  .option("-p, --password-file <file>", "file that holds the password (AGENT_PASSWORD_FILE)")
  .option("--password-command <command>", "shell command that prints the password (AGENT_PASSWORD_COMMAND)");

/** The values of these options as given. */
type PasswordOptions = OptionsOf<typeof PASSWORD_OPTIONS>;

/** The number of tries at the terminal, as in restic. */
const TRIES = 3;

/** How messages speak of a repository's password. */
export interface PasswordWording {
  /** What the repository is called, among those that a command opens. */
  readonly name: string;
  /** The option that names the file with its password. */
  readonly passwordOption: string;
  /** How the names of its variables begin. */
  readonly variables: string;
}

/** The wording for the main repository. */
export const MAIN_PASSWORD: PasswordWording = {
  name: "repository",
  passwordOption: "--password-file",
  variables: "AGENT_",
};

/** The password from option, environment, command or terminal. At the terminal, a wrong one may be retyped. */
export function passwordAccess(
  options: PasswordOptions,
  context: CliContext,
  { name, passwordOption, variables }: PasswordWording,
): Required<Pick<RepositoryAccess, "password" | "otherPassword">> {
  const question = `Password of the ${name}: `;
  const whose = name === MAIN_PASSWORD.name ? "" : ` for the ${name}`;
  let triesLeft = 0;
  return {
    async password() {
      const known = await configuredPassword(options, context, { isNew: false });
      if (known !== undefined) return known;
      triesLeft = TRIES - 1;
      const typed = await context.askSecret(question);
      if (typed !== undefined) return typed;
      const alternatives = `set ${variables}PASSWORD_FILE (or ${variables}PASSWORD)`;
      throw new UsageError(`No password given${whose}: use ${passwordOption} or ${alternatives}`);
    },
    async otherPassword() {
      return triesLeft-- > 0 ? await context.askSecret(`Wrong password. ${question}`) : undefined;
    },
  };
}

/** The password of a new repository: configured, or typed twice. Throws `UsageError` for an empty one. */
export async function firstPassword(options: PasswordOptions, context: CliContext): Promise<NewPassword> {
  const known = await configuredPassword(options, context, { isNew: true });
  return known === undefined ? await typedNewPassword(context) : { password: known, isRandom: false };
}

/** The password of an additional key, with its file if one was written for it. */
export type NextPassword = NewPassword & Partial<PasswordFile>;

/** The password of an additional key: from an existing file, random in a new file, or typed twice. */
export async function nextPassword(file: string | undefined, context: CliContext): Promise<NextPassword> {
  if (file === undefined) return await typedNewPassword(context);
  if (!await isTaken(file)) return await writePasswordFile(file, context.world.randomBytes);
  return { password: await passwordOfFile(file, "new password", { isNew: true }), isRandom: false };
}

async function typedNewPassword({ askSecret }: CliContext): Promise<NewPassword> {
  const first = await askSecret("New password: ");
  if (first === undefined) throw new UsageError("No new password given: use --new-password-file");
  if (first.length === 0) {
    throw new UsageError("Refusing an empty password: choose another, or let --new-password-file make one");
  }
  const again = await askSecret("The same again: ");
  if (again === undefined || !areEqual(first, again)) throw new UsageError("The two passwords differ");
  return { password: first, isRandom: false };
}

/** Variables that a password command does not need. */
const OWN_VARIABLE = /^(AGENT|RESTIC)_(FROM_|ALSO_)?PASSWORD/;

/**
 * A password from options or environment; undefined if neither gives one. AGENT_ variables come before RESTIC_
 * variables. The order among RESTIC_ variables is that of restic.
 */
async function configuredPassword(
  options: PasswordOptions,
  context: CliContext,
  use: PasswordUse,
): Promise<Uint8Array | undefined> {
  const fromFile = async (path: string) => {
    try {
      return await passwordOfFile(path, "password", use);
    } catch (error) {
      throw explainMissing(error, path, use, context.settings?.selection);
    }
  };
  const missed = (context.withheldSecrets ?? []).filter((name) => !OWN_VARIABLE.test(name));
  const fromCommand = async (command: string) => {
    if (context.runsPasswordCommands === false) throw new UsageError("No password command may be run here");
    return await passwordOfCommand(command, missed);
  };
  if (options.passwordFile !== undefined) return await fromFile(options.passwordFile);
  if (options.passwordCommand !== undefined) return await fromCommand(options.passwordCommand);
  const { env } = context;
  const sources = (prefix: string) => ({
    value: () => bytesOfVariable(`${prefix}_PASSWORD`, context),
    file: () => optional(env(`${prefix}_PASSWORD_FILE`), fromFile),
    command: () => optional(env(`${prefix}_PASSWORD_COMMAND`), fromCommand),
  });
  const [ours, restics] = [sources("AGENT"), sources("RESTIC")];
  for (const source of [ours.value, ours.file, ours.command, restics.command, restics.file, restics.value]) {
    const password = await source();
    if (password !== undefined) return password;
  }
  return undefined;
}

/** Ignores an empty variable. */
async function optional<T>(value: string | undefined, use: (value: string) => Promise<T>): Promise<T | undefined> {
  return value ? await use(value) : undefined;
}

/** The bytes of a variable; undefined if it is not set, or empty. */
export function bytesOfVariable(name: string, { env, envBytes }: CliContext): Promise<Uint8Array | undefined> {
  const bytes = envBytes === undefined ? new TextEncoder().encode(env(name) ?? "") : envBytes(name);
  return Promise.resolve(bytes?.length ? bytes : undefined);
}

async function isTaken(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch (error) {
    return !(error instanceof Deno.errors.NotFound);
  }
}

function areEqual(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, i) => byte === other[i]);
}
