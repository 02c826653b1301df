/** Where the value of an option comes from: option, environment, configuration file, or what is built in. */
import type { CommandUnknownOpts, Option } from "@commander-js/extra-typings";
import type { Setting } from "../../config/configuration.ts";
import { layersFor, type Selection } from "../../config/selection.ts";
import type { CliContext } from "../context.ts";
import { alternativesOf, variableFor } from "./variables.ts";

/** One of these places. */
export type Origin =
  | { readonly kind: "option"; readonly value: unknown }
  | { readonly kind: "environment"; readonly variable: string }
  | { readonly kind: "file"; readonly table: string; readonly setting: Setting }
  | { readonly kind: "built-in" };

/** The option with settings of stores. The values from all places count; of two settings with one name, the stronger wins. */
export const STORE_SETTINGS = "option";

/** The long name of an option without its dashes, which is its key in the file. */
export function keyOf(option: Pick<Option, "long" | "name">): string {
  return option.long?.slice(2) ?? option.name();
}

/** The words of a command below the program: `key add`. */
export function commandName(command: CommandUnknownOpts): string {
  const { parent } = command;
  if (parent === null) return "";
  const above = commandName(parent);
  return above === "" ? command.name() : `${above} ${command.name()}`;
}

/**
 * Where the value of an option of `command` comes from. The repository settings of a named repository are not looked
 * at: which one that is follows from an option.
 */
export function originOf(
  option: Option,
  command: CommandUnknownOpts,
  selection: Selection | undefined,
  context: Pick<CliContext, "env" | "envBytes">,
): Origin {
  const key = keyOf(option);
  const given = givenValue(command, alternativesOf(key));
  if (given !== undefined) return given.key === key ? { kind: "option", value: given.value } : { kind: "built-in" };
  const variable = variableFor(key, context);
  if (variable !== undefined) return { kind: "environment", variable };
  const found = selection && inFile(key, commandName(command), selection);
  return found === undefined ? { kind: "built-in" } : { kind: "file", ...found };
}

/** The option among these that the command line gives, to the command or to those above it. */
export function givenValue(command: CommandUnknownOpts, keys: readonly string[]) {
  for (let at: CommandUnknownOpts | null = command; at !== null; at = at.parent) {
    for (const option of at.options) {
      const attribute = option.attributeName();
      if (!keys.includes(keyOf(option)) || at.getOptionValueSource(attribute) !== "cli") continue;
      return { key: keyOf(option), value: at.getOptionValue(attribute) as unknown };
    }
  }
  return undefined;
}

/** The value of one option that the command line gives, to the command or to those above it. */
export function givenText(command: CommandUnknownOpts, key: string): string | undefined {
  return givenValue(command, [key])?.value as string | undefined;
}

/** The setting of the strongest table that has this option, or another one for the same thing. */
function inFile(key: string, command: string, selection: Selection) {
  const keys = alternativesOf(key);
  if (keys.includes("repo") && selection.repository !== undefined) {
    return key === "repo" ? selection.repository : undefined;
  }
  for (const { table, settings } of layersFor(selection, command)) {
    const present = keys.find((other) => settings.has(other));
    if (present !== undefined) return present === key ? { table, setting: settings.get(key)! } : undefined;
  }
  return undefined;
}
