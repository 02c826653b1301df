/** Finds what is wrong with the options in a configuration: commands and options that do not exist, and wrong values. */
import type { Option } from "@commander-js/extra-typings";
import { UsageError } from "../../base/errors.ts";
import { nearestName } from "../../base/text/nearest_name.ts";
import type { Configuration, Section, Settings, SettingValue } from "../../config/configuration.ts";
import type { Problem } from "../../config/problems.ts";
import { COMMAND_PATHS, OPTION_NAMES } from "./option_names.ts";
import { optionValue } from "./option_value.ts";
import { keyOf } from "./origin.ts";

/** Options that only a command line can have, and why. */
const NOT_IN_FILE: Readonly<Record<string, string>> = {
  config: "the file cannot name another one",
  profile: "write profile = … at the top of the file",
  help: "it belongs to the command line",
  version: "it belongs to the command line",
};

/** The options of commands by the names of these. */
type CommandOptions = ReadonlyMap<string, readonly Option[]>;

/**
 * What is wrong with the options that the file gives. `loaded` has the options of some commands at least: only theirs
 * are compared one by one, and values parsed; of others, the options have to exist anywhere.
 */
export function optionProblems(configuration: Configuration, loaded: CommandOptions): Problem[] {
  const sections = [
    { section: configuration as Section, table: "defaults", rotation: "rotation" },
    ...[...configuration.profiles.values()].map((section) => {
      const table = `profiles.${section.name}`;
      return { section, table, rotation: `${table}.rotation` };
    }),
  ];
  return sections.flatMap(({ section, table, rotation }) => [
    ...problemsOf(section.options, { table, commands: [...loaded.keys()] }, loaded),
    ...problemsOf(section.rotation, { table: rotation, commands: ["rotate"] }, loaded),
    ...[...section.commands].flatMap(([command, { line, settings }]) => {
      const own = `${table}.${command.replaceAll(" ", ".")}`;
      const commands = COMMAND_PATHS.filter((path) => path === command || path.startsWith(`${command} `));
      if (commands.length === 0) return [{ line, message: noSuchTable(command, own) }];
      return problemsOf(settings, { table: own, commands, isOfCommand: true }, loaded);
    }),
  ]);
}

interface Place {
  readonly table: string;
  /** The commands that the table is for. */
  readonly commands: readonly string[];
  /** Whether an option has to be one of these commands, not just of any. */
  readonly isOfCommand?: boolean;
}

function problemsOf(settings: Settings, { table, commands, isOfCommand }: Place, loaded: CommandOptions): Problem[] {
  const problems: Problem[] = [];
  const areLoaded = commands.every((command) => loaded.has(command));
  for (const [key, { line, value }] of settings) {
    const owners = commands.flatMap((command) => loaded.get(command)?.filter((option) => keyOf(option) === key) ?? []);
    const known = isOfCommand && areLoaded
      ? commands.flatMap((command) => loaded.get(command)!.map(keyOf))
      : OPTION_NAMES;
    if (Object.hasOwn(NOT_IN_FILE, key) || !known.includes(key)) {
      problems.push({ line, message: noSuchOption(key, table, known) });
      continue;
    }
    const problem = owners.map((option) => valueProblem(option, value)).find((message) => message !== undefined);
    if (problem !== undefined) problems.push({ line, message: `Wrong value of "${key}" in [${table}]: ${problem}` });
  }
  return problems;
}

/** Why an option does not take a value; undefined if it does. */
function valueProblem(option: Option, value: SettingValue): string | undefined {
  try {
    optionValue(option, value);
    return undefined;
  } catch (error) {
    if (error instanceof UsageError) return error.message;
    throw error;
  }
}

function noSuchOption(key: string, table: string, known: readonly string[]): string {
  const start = `There is no option "${key}" for [${table}]`;
  if (Object.hasOwn(NOT_IN_FILE, key)) return `${start}: ${NOT_IN_FILE[key]}`;
  const nearest = nearestName(key, known) ?? nearestName(key.replaceAll("_", "-"), known);
  return `${start}${nearest === undefined ? "; keys are options by their long names" : `; did you mean "${nearest}"?`}`;
}

function noSuchTable(command: string, table: string): string {
  const nearest = nearestName(command, COMMAND_PATHS);
  const hint = nearest === undefined ? "" : `; did you mean "${nearest.replaceAll(" ", ".")}"?`;
  return `There is no command "${command}" for [${table}]${hint}`;
}
