/** Gives a command what the configuration file says, where neither options nor the environment say it. */
import type { CommandUnknownOpts, Option } from "@commander-js/extra-typings";
import { messageOf, UsageError } from "../../base/errors.ts";
import type { Setting } from "../../config/configuration.ts";
import { findConfiguration } from "../../config/find_configuration.ts";
import { ConfigurationError } from "../../config/problems.ts";
import { secretVariables } from "../../config/secret_references.ts";
import { layersFor, type Selection, selectProfile } from "../../config/selection.ts";
import type { CliContext } from "../context.ts";
import { OFF, optionValue } from "./option_value.ts";
import { commandName, givenText, givenValue, keyOf, originOf, STORE_SETTINGS } from "./origin.ts";

/**
 * Finds the file, chooses the profile, and sets the options of `command` that are not given. Throws `UsageError`, also
 * for what is wrong in the file, and for a profile without a file.
 */
export async function applySettings(command: CommandUnknownOpts, context: CliContext): Promise<void> {
  const { settings, secrets } = context;
  const selection = settings && await findSelection(command, context);
  if (selection === undefined) return;
  const { configuration } = selection;
  const { optionProblems } = await import("./check_options.ts");
  const problems = optionProblems(configuration, new Map([[commandName(command), command.options]]));
  if (problems.length > 0) throw new ConfigurationError(configuration.path, problems);
  const { env, envBytes } = context;
  settings!.use(selection, envBytes ?? ((name) => new TextEncoder().encode(env(name))));
  // Commands that are run later do not get the variables in which the file says that secrets are.
  for (const name of secretVariables(configuration)) secrets?.withhold(name);
  for (const option of command.options) applyOption(option, command, selection, context);
  if (settings!.isOn("passSecrets")) secrets?.pass();
}

/** The file with its profile; undefined if there is no file. Throws what `applySettings` throws. */
export async function findSelection(
  command: CommandUnknownOpts,
  { configurationMachine: machine, env }: CliContext,
): Promise<Selection | undefined> {
  if (machine === undefined) return undefined;
  const configuration = await findConfiguration(givenText(command, "config"), { ...machine, env });
  const profile = givenText(command, "profile") ?? (env("AGENT_PROFILE") || undefined);
  if (configuration !== undefined) return selectProfile(configuration, profile);
  if (profile === undefined) return undefined;
  throw new UsageError(`There is no profile "${profile}": no configuration file was found; name one with --config`);
}

function applyOption(option: Option, command: CommandUnknownOpts, selection: Selection, context: CliContext): void {
  const set = (value: unknown) => command.setOptionValueWithSource(option.attributeName(), value, "config");
  const settings = context.settings!;
  if (keyOf(option) === STORE_SETTINGS) {
    const ofFile = layersFor(selection, commandName(command)).toReversed().flatMap(({ settings, table }) => {
      const setting = settings.get(STORE_SETTINGS);
      return setting === undefined ? [] : valueOf(option, { setting, table }, selection) as string[];
    });
    if (ofFile.length === 0) return;
    settings.note(option.attributeName(), ofFile);
    set([...ofFile, ...(givenValue(command, [STORE_SETTINGS])?.value as string[] | undefined) ?? []]);
    return;
  }
  const origin = originOf(option, command, selection, context);
  if (origin.kind !== "file") return;
  const value = valueOf(option, origin, selection);
  if (value === OFF) return;
  set(value);
  settings.note(option.attributeName(), value);
}

function valueOf(
  option: Option,
  { setting, table }: { readonly setting: Setting; readonly table: string },
  { configuration }: Selection,
): unknown {
  try {
    return optionValue(option, setting.value);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    const message = `Wrong value of "${keyOf(option)}" in ${table}: ${messageOf(error)}`;
    throw new ConfigurationError(configuration.path, [{ line: setting.line, message }]);
  }
}
