/**
 * How help looks: usage, description, arguments, options, what is good to know, examples, in this order for every command,
 * and no line longer than the terminal.
 */
import type { Command, Help, Option } from "@commander-js/extra-typings";
import type { Output } from "./input_output.ts";
import { wrapText } from "./table.ts";
import { widthOf } from "./terminal_text.ts";

/** A command line to show, and what it is for. */
type Example = readonly [commandLine: string, meaning?: string];

/** What stands below the options of a command. */
export interface HelpNotes {
  /** Paragraphs; their lines break where the terminal ends. */
  readonly about?: readonly string[];
  readonly examples?: readonly Example[];
}

const USUAL_COLUMNS = 80;
const LEAST_COLUMNS = 40;
const INDENT = "  ";

/** Own options first, then those that many commands have, in the same order everywhere. */
const LAST_GROUPS = ["Pruning:", "Repository:", "Repositories on other machines:"];

/** Notes as `addHelpText` takes them, for below the options of a command. */
export function helpNotes(notes: HelpNotes): (context: { readonly command: Command }) => string {
  return ({ command }) => notesText(notes, widthOfHelp(command));
}

/** Where help goes, and the variables of the environment by their names. */
interface HelpEnvironment {
  readonly stdout: Output;
  readonly env: (name: string) => string | undefined;
}

/** How wide help may be: the terminal's width, what COLUMNS says where it goes elsewhere, or 80. */
export function helpColumns({ stdout, env }: HelpEnvironment): number {
  const columns = stdout.isTerminal ? stdout.columns() : Number(env("COLUMNS"));
  return Number.isInteger(columns) && columns > 0 ? Math.max(columns, LEAST_COLUMNS) : USUAL_COLUMNS;
}

/** What `configureHelp` takes to keep the order. */
export const HELP_ORDER: Partial<Help> = { groupItems: groupInOrder };

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

/** Meanings stand beside the command lines where all of them fit there, below them otherwise. */
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
