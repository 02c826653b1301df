/**
 * The layout of help: usage, description, arguments, options, notes, examples, in this order for every command, and no
 * line wider than the terminal.
 */
import type { Command, CommandUnknownOpts, Help, Option } from "@commander-js/extra-typings";
import type { Output } from "./input_output.ts";
import { wrapText } from "./table.ts";
import { widthOf } from "./terminal_text.ts";

/** A command line as an example, and its purpose. */
export type Example = readonly [commandLine: string, meaning?: string];

/** The notes below the options of a command. */
export interface HelpNotes {
  /** Paragraphs, wrapped to the terminal. */
  readonly about?: readonly string[];
  readonly examples?: readonly Example[];
}

const USUAL_COLUMNS = 80;
const LEAST_COLUMNS = 40;
const INDENT = "  ";

/** The groups that come last, in this order: options that many commands share. A command's own options come first. */
const LAST_GROUPS = ["Pruning:", "Repository:", "Repositories on other machines:"];

/** The notes of the commands whose help was made. Commander itself keeps no more than a function that makes a text. */
const SHOWN = new WeakMap<Command, HelpNotes>();

/** Notes in the form that `addHelpText` takes. */
export function helpNotes(notes: HelpNotes): (context: { readonly command: Command }) => string {
  return ({ command }) => {
    SHOWN.set(command, notes);
    return notesText(notes, widthOfHelp(command));
  };
}

/** The notes that were given to a command. Makes its help for that, and shows it to nobody. */
export function notesOf(command: CommandUnknownOpts): HelpNotes {
  const output = command.configureOutput();
  command.configureOutput({ ...output, writeOut: () => {}, getOutHelpWidth: () => USUAL_COLUMNS });
  command.outputHelp();
  command.configureOutput(output);
  return SHOWN.get(command as unknown as Command) ?? {};
}

/** Where help is written, and the environment variables. */
interface HelpEnvironment {
  readonly stdout: Output;
  readonly env: (name: string) => string | undefined;
}

/** The width of help: that of the terminal, else COLUMNS, else 80. */
export function helpColumns({ stdout, env }: HelpEnvironment): number {
  const columns = stdout.isTerminal ? stdout.columns() : Number(env("COLUMNS"));
  return Number.isInteger(columns) && columns > 0 ? Math.max(columns, LEAST_COLUMNS) : USUAL_COLUMNS;
}

/** The options of `configureHelp` that keep the order of groups. */
export const HELP_ORDER: Partial<Help> = { groupItems: groupInOrder, subcommandTerm: termOf };

/** The widest term of a command: all descriptions stand to the right of it. */
const MOST_TERM_COLUMNS = 35;

/** How the overview names a command: with its arguments, or with dots for them if they take too many columns. */
function termOf(command: CommandUnknownOpts): string {
  const named = `${command.name()} [options]`;
  const args = command.registeredArguments.map((argument) => {
    const name = `${argument.name()}${argument.variadic ? "..." : ""}`;
    return argument.required ? ` <${name}>` : ` [${name}]`;
  }).join("");
  if (command.options.length === 0) return `${command.name()}${args}`;
  return named.length + args.length <= MOST_TERM_COLUMNS ? named + args : `${named} ...`;
}

function groupInOrder<T extends Command | Option>(
  _unsorted: T[],
  visible: T[],
  groupOf: (item: T) => string,
): Map<string, T[]> {
  const groups = Map.groupBy(visible, groupOf);
  const rank = (name: string) => LAST_GROUPS.indexOf(name);
  return new Map([...groups].sort(([a], [b]) => rank(a) - rank(b)));
}

function widthOfHelp(command: Command): number {
  return command.configureOutput().getOutHelpWidth?.() ?? USUAL_COLUMNS;
}

function notesText({ about = [], examples = [] }: HelpNotes, columns: number): string {
  const paragraphs = about.map((paragraph) => wrapText(paragraph, columns).join("\n"));
  const lines = examples.length === 0 ? [] : [["Examples:", ...exampleLines(examples, columns)].join("\n")];
  return `\n${[...paragraphs, ...lines].join("\n\n")}`;
}

/** Lines for examples. Their purposes are beside the command lines if all fit there, otherwise below. */
function exampleLines(examples: readonly Example[], columns: number): string[] {
  const widest = Math.max(...examples.map(([line]) => widthOf(line)));
  const isBeside = examples.every(([, meaning = ""]) => INDENT.length * 2 + widest + widthOf(meaning) <= columns);
  return examples.flatMap(([line, meaning]) => {
    if (meaning === undefined) return [`${INDENT}${line}`];
    if (isBeside) return [`${INDENT}${line.padEnd(widest)}${INDENT}${meaning}`];
    const below = INDENT.repeat(3);
    return [`${INDENT}${line}`, ...wrapText(meaning, columns - below.length).map((part) => `${below}${part}`)];
  });
}
