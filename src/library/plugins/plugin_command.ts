/** The contract of a plugin's commands, in terms of names and texts alone, and what is wrong with one. */
import * as v from "valibot";
import { UsageError } from "../../base/errors.ts";

/** A command of a plugin: `agent NAME`. */
export interface PluginCommand {
  /** Lower-case letters, digits and dashes. */
  readonly name: string;
  /** One line for the help. */
  readonly description: string;
  /** What follows the name, in order. */
  readonly arguments?: readonly PluginArgument[];
  /** Its options. */
  readonly options?: readonly PluginOption[];
  /** Does the work. What it throws ends the command: an `AgentError` with its exit code, anything else with 1. */
  run(values: PluginCommandValues, io: PluginCommandIo): void | Promise<void>;
}

/** An argument of a command. */
export interface PluginArgument {
  /** What the help calls it. */
  readonly name: string;
  /** One line for the help. */
  readonly description: string;
  /** Whether it may be left out. Only optional ones follow an optional one. */
  readonly isOptional?: boolean;
  /** Whether it may be repeated. Only the last one may. */
  readonly isRepeated?: boolean;
}

/** An option of a command. */
export interface PluginOption {
  /** Its long name without dashes. */
  readonly name: string;
  /** One line for the help. */
  readonly description: string;
  /** What the help calls its value; absent for an option without one. */
  readonly value?: string;
}

/** What was given to a command. */
export interface PluginCommandValues {
  /** The arguments in order. */
  readonly arguments: readonly string[];
  /** The values of the options that were given, by long name; true for one without a value. */
  readonly options: Readonly<Record<string, string | true>>;
}

/** The process around a command. */
export interface PluginCommandIo {
  /** Standard input. */
  readonly stdin: ReadableStream<Uint8Array>;
  /** Writes to standard output, as it is. */
  write(text: string): Promise<void>;
  /** Writes a line to standard error. */
  writeError(line: string): Promise<void>;
  /** A variable of the environment. */
  env(name: string): string | undefined;
  /** Aborted when the user or the system asks to stop. */
  readonly signal: AbortSignal;
}

const NAME = v.pipe(v.string(), v.regex(/^[a-z][a-z0-9-]*$/, "lower-case letters, digits and dashes"));
const LINE = v.pipe(v.string(), v.regex(/^[^\n]+$/, "one line"));
const FUNCTION = v.custom<PluginCommand["run"]>((value) => typeof value === "function", "a function");

/** Options that every command has. */
const OF_EVERY_COMMAND = ["config", "debug", "help", "profile"];

const COMMAND = v.object({
  name: NAME,
  description: LINE,
  arguments: v.optional(v.array(v.object({
    name: v.pipe(v.string(), v.regex(/^[A-Za-z][A-Za-z0-9-]*$/, "letters, digits and dashes")),
    description: LINE,
    isOptional: v.optional(v.boolean()),
    isRepeated: v.optional(v.boolean()),
  }))),
  options: v.optional(v.array(v.object({
    name: v.pipe(
      NAME,
      v.check((name) => !OF_EVERY_COMMAND.includes(name), "every command has that option"),
      v.check((name) => !name.startsWith("no-"), "the command line takes no- for the opposite of an option"),
    ),
    description: LINE,
    value: v.optional(v.pipe(v.string(), v.regex(/^[^<>\s]+$/, "one word"))),
  }))),
  run: FUNCTION,
});

/** Throws `UsageError` unless it is a command as described above. */
export function requireCommand(value: unknown): asserts value is PluginCommand {
  const { issues, output } = v.safeParse(COMMAND, value);
  if (issues !== undefined) {
    const [{ message, path }] = issues;
    const place = path?.map(({ key }) => String(key)).join(".") ?? "";
    throw new UsageError(`Not a command${place === "" ? "" : `: its ${place}`} is wrong: ${message}`);
  }
  const args = output.arguments ?? [];
  const names = (output.options ?? []).map(({ name }) => name);
  const repeated = names.find((name, i) => names.indexOf(name) !== i);
  if (repeated !== undefined) throw new UsageError(`Not a command: it has two options "${repeated}"`);
  if (args.some(({ isRepeated }, i) => isRepeated && i < args.length - 1)) {
    throw new UsageError("Not a command: only its last argument may be repeated");
  }
  if (args.some(({ isOptional }, i) => !isOptional && args[i - 1]?.isOptional)) {
    throw new UsageError("Not a command: only optional arguments follow an optional one");
  }
}
