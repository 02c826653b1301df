/** The commands as the completion scripts need them: what may follow which words. */
import {
  type ArgumentDescription,
  type CommandDescription,
  isRunnable,
  type OptionDescription,
  withAllBelow,
} from "../manual/description.ts";
import { kindOfArgument, kindOfOption, type ValueKind } from "../manual/value_kind.ts";

/** One command. */
export interface CommandWords {
  /** Its name without that of the program, such as `key add`; empty for the program. */
  readonly command: string;
  readonly below: readonly { readonly name: string; readonly summary: string }[];
  readonly options: readonly OptionWords[];
  /** Its arguments, in order; the last one is repeated if `isVariadic`. */
  readonly arguments: readonly ArgumentWords[];
  readonly isVariadic: boolean;
}

/** One argument of a command. */
interface ArgumentWords extends ArgumentDescription {
  readonly kind: ValueKind;
}

/** One option of a command. */
export interface OptionWords extends OptionDescription {
  /** What its value is; undefined if it takes none. */
  readonly kind: ValueKind | undefined;
  readonly isRepeatable: boolean;
}

/** What a value can be, as the scripts for bash and fish write it: `words` and all values, or its kind. */
export function valueWords({ kind, choices }: OptionWords | ArgumentWords): string {
  return choices.length > 0 ? `words ${choices.join(" ")}` : kind!;
}

/** The command that prints names of a repository for the scripts. No help shows it. */
export const COMPLETE = "__complete";

/** The words of the program and of all its commands. */
export function commandWords(program: CommandDescription): CommandWords[] {
  return [...withAllBelow(program)].map((command) => ({
    command: command.name.slice(program.name.length).trimStart(),
    below: isRunnable(command)
      ? []
      : command.commands.map(({ name, summary }) => ({ name: name.split(" ").at(-1)!, summary })),
    options: command.options.map((option) => ({
      ...option,
      kind: kindOfOption(option),
      isRepeatable: /\brepeat/.test(option.meaning),
    })),
    arguments: command.arguments.map((argument) => ({ ...argument, kind: kindOfArgument(command, argument) })),
    isVariadic: command.arguments.at(-1)?.isVariadic ?? false,
  }));
}

/** Options that say nothing about the repository, or would run a command of the user's whenever Tab is pressed. */
const NOT_PASSED = ["--debug", "--help", "--version", "--json", "--quiet", "--pass-secrets", "--password-command"];

/** The options that say which repository is meant, which a script passes on when it asks for names. */
export function passedOptions([program]: readonly CommandWords[]): readonly OptionWords[] {
  return program!.options.filter(({ names }) => !NOT_PASSED.includes(names.at(-1)!));
}

/** The options of all commands that take a value, each with the commands that have it in this sense. */
export interface SharedValue {
  readonly option: OptionWords;
  readonly commands: readonly string[];
  /** Whether these are all commands that have an option of this name. */
  readonly isEverywhere: boolean;
}

/** Finds, for each option with a value, in which commands it takes the same. */
export function sharedValues(all: readonly CommandWords[]): SharedValue[] {
  const found = all.flatMap(({ command, options }) => options.map((option) => ({ command, option })));
  const bySense = Map.groupBy(found, ({ option: { names, kind, choices } }) => JSON.stringify([names, kind, choices]));
  return [...bySense.values()].flatMap((same) => {
    const { option } = same[0]!;
    if (option.kind === undefined) return [];
    const others = found.filter((other) => other.option.names.some((name) => option.names.includes(name)));
    return [{ option, commands: same.map(({ command }) => command), isEverywhere: others.length === same.length }];
  });
}
