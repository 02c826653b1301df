/** The password of a value, on top of that of the repository: its options and its variable. */
import { Command } from "@commander-js/extra-typings";
import { passwordOfCommand } from "../../password/password_command.ts";
import { passwordOfFile, type PasswordUse } from "../../password/password_file.ts";
import type { CliContext } from "../context.ts";
import type { OptionsOf } from "../specification.ts";
import { bytesOfVariable } from "./sources.ts";

/** The options to add to commands. */
export const VALUE_PASSWORD_OPTIONS = new Command()
  .optionsGroup("Password of the value:")
  .option("--value-password-file <file>", "file that holds the value's own password (or AGENT_VALUE_PASSWORD)")
  .option("--value-password-command <command>", "shell command that prints the value's own password");

/** The values of these options as given. */
export type ValuePasswordOptions = OptionsOf<typeof VALUE_PASSWORD_OPTIONS>;

/** The password of a value from options or environment; undefined if neither gives one. */
export async function configuredValuePassword(
  { valuePasswordFile: file, valuePasswordCommand: command }: ValuePasswordOptions,
  context: CliContext,
  use: PasswordUse,
): Promise<Uint8Array | undefined> {
  if (file !== undefined) return await passwordOfFile(file, "value password", use);
  if (command !== undefined) return await passwordOfCommand(command, context.withheldSecrets ?? []);
  return await bytesOfVariable("AGENT_VALUE_PASSWORD", context);
}
