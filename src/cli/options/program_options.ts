/** The options that stand before every command, and which command stands behind them. */
import { Command, Option } from "@commander-js/extra-typings";
import { withRepositoryOptions } from "./repository_options.ts";

/** The option that shows where an error comes from. */
export function debugOption(): Option {
  return new Option("--debug", "show where an error comes from").helpGroup("Options:");
}

/** The options that say which configuration counts. */
export function configurationOptions(): Option[] {
  return [
    new Option("--config <file>", "agent.toml to use (AGENT_CONFIG)"),
    new Option("--profile <name>", "profile in it (AGENT_PROFILE)"),
  ].map((option) => option.helpGroup("Options:"));
}

/**
 * The command that a command line names, undefined without one. It is known before the line is parsed: which commands
 * there are may depend on plugins, and whether plugins are loaded depends on the command.
 */
export function namedCommand(args: readonly string[]): string | undefined {
  const known = [...withRepositoryOptions(new Command()).options, ...configurationOptions()];
  for (let at = 0; at < args.length; at++) {
    const arg = args[at]!;
    if (!arg.startsWith("-") || arg === "-") return arg;
    if (takesNext(arg, known)) at++;
  }
  return undefined;
}

/** Whether the value of an option is the next argument. */
function takesNext(arg: string, known: readonly Option[]): boolean {
  const find = (flag: string) => known.find(({ short, long }) => short === flag || long === flag);
  if (arg.startsWith("--")) return find(arg)?.required ?? false;
  // Of several letters, the first one that takes a value takes the rest of the argument, or the next one if it is last.
  const letters = [...arg.slice(1)];
  const taking = letters.findIndex((letter) => find(`-${letter}`)?.required);
  return taking >= 0 && taking === letters.length - 1;
}
