/** The commands as data, read from their definitions: what the manual, the reference and the completions are made of. */
import type { CommandUnknownOpts, Option } from "@commander-js/extra-typings";
import { type Example, notesOf } from "../terminal/help_text.ts";

/** One command, or the program itself. */
export interface CommandDescription {
  /** Its full name, such as `agent key add`. */
  readonly name: string;
  /** What it does, without a capital and a full stop. */
  readonly summary: string;
  /** The ways to write it, such as `agent ls [options] [SERIES]`. */
  readonly usages: readonly string[];
  readonly arguments: readonly ArgumentDescription[];
  /** The options that its help shows, in that order. */
  readonly options: readonly OptionDescription[];
  /** Paragraphs. */
  readonly about: readonly string[];
  readonly examples: readonly Example[];
  /** The commands below it that its help shows. */
  readonly commands: readonly CommandDescription[];
}

/** An argument of a command. */
export interface ArgumentDescription {
  readonly name: string;
  readonly meaning: string;
  /** All values; empty if there are too many to list. */
  readonly choices: readonly string[];
  readonly isVariadic: boolean;
}

/** An option of a command. */
export interface OptionDescription {
  /** For example `-o` and `--output`. */
  readonly names: readonly string[];
  /** What stands for its value, such as `FILE`; undefined if it takes none. */
  readonly value: string | undefined;
  readonly meaning: string;
  /** All values; empty if there are too many to list. */
  readonly choices: readonly string[];
  /** The value without the option, as the help shows it. */
  readonly standard: string | undefined;
  /** The heading above it in the help, without the colon. */
  readonly group: string;
}

/** The group of options that no heading sets apart. */
export const OWN_GROUP = "Options";

/** Describes a command and those below it. */
export function describeCommand(command: CommandUnknownOpts, parent?: string): CommandDescription {
  const name = parent === undefined ? command.name() : `${parent} ${command.name()}`;
  const help = command.createHelp();
  const groups = help.groupItems([...command.options], help.visibleOptions(command), groupOf);
  return {
    name,
    summary: command.description(),
    usages: command.usage().split(/ \| (?=\[options\])/).map((usage) => `${name} ${capitals(usage)}`),
    arguments: help.visibleArguments(command).map((argument) => ({
      name: argument.name(),
      meaning: argument.description,
      choices: argument.argChoices ?? [],
      isVariadic: argument.variadic,
    })),
    options: [...groups.values()].flat().map(describeOption),
    about: [],
    examples: [],
    ...notesOf(command),
    // Commander adds a command "help" to every command that holds others; ours at the top tells the same.
    commands: help.visibleCommands(command).filter((below) => command.commands.includes(below))
      .map((below) => describeCommand(below, name)),
  };
}

/** The command and all below it, each after the one that it belongs to. */
export function* withAllBelow(command: CommandDescription): Generator<CommandDescription> {
  yield command;
  for (const below of command.commands) yield* withAllBelow(below);
}

/** Whether a command does something itself. The others only hold commands. */
export function isRunnable(command: CommandDescription): boolean {
  return command.commands.length === 0;
}

function describeOption(option: Option): OptionDescription {
  const value = /[<[](.+)[>\]]$/.exec(option.flags)?.[1];
  return {
    names: [option.short, option.long].filter((name) => name !== undefined && name !== null),
    value: value?.toUpperCase(),
    meaning: option.description,
    choices: option.argChoices ?? [],
    standard: option.defaultValueDescription ?? textOf(option.defaultValue),
    group: groupOf(option).replace(/:$/, ""),
  };
}

function groupOf(option: Option): string {
  return option.helpGroupHeading || `${OWN_GROUP}:`;
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" || typeof value === "number" ? String(value) : undefined;
}

/** Usages that commander made itself have names in angle brackets; ours have capitals. */
function capitals(usage: string): string {
  return usage.replaceAll(/<([^>]+)>/g, (_, name: string) => name.toUpperCase())
    .replaceAll(/\[(?!options)([a-z.]+)\]/g, (text) => text.toUpperCase());
}
