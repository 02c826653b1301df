/** The option `--match`: whether a series may be named by the beginning of its name. */
import { type Command, Option, type OptionValues } from "@commander-js/extra-typings";
import { UsageError } from "../../base/errors.ts";
import { UnknownSeriesError } from "../../backup/naming/selector.ts";
import type { CliContext } from "../context.ts";
import { writeNote } from "../report/warning.ts";

const HOW = ["exact", "prefix"] as const;

/** The values of the options that matter here. */
interface MatchOptions {
  readonly match?: typeof HOW[number] | undefined;
  readonly json?: boolean | undefined;
  readonly quiet?: boolean | undefined;
}

/** `command` with the option. */
export function withMatchOption<Args extends unknown[], Own extends OptionValues>(command: Command<Args, Own>) {
  return command.addOption(
    new Option("--match <how>", "whether the beginning of a series is enough; without it, a terminal asks").choices(
      HOW,
    ),
  );
}

/**
 * Runs a command with the backups that are meant. If no backup has the series of one of them, but exactly one series
 * begins with that name, the command is run again with that one: after a yes on the terminal, or with `--match prefix`.
 * Otherwise throws what the command threw. The command must find its backups before it does anything.
 */
export async function withMatchingSeries(
  selectors: readonly string[],
  options: MatchOptions,
  context: CliContext,
  run: (selectors: readonly string[], context: CliContext) => Promise<void>,
): Promise<void> {
  const asked = rememberingSecrets(context);
  for (let meant = selectors;;) {
    try {
      return await run(meant, asked);
    } catch (error) {
      if (!(error instanceof UnknownSeriesError)) throw error;
      const instead = await chosenInstead(error, options, context);
      const next = meant.map((text) => replaced(text, error.series, instead));
      if (next.every((text, i) => text === meant[i])) throw error;
      meant = next;
    }
  }
}

/** The series to take instead. Throws the error if there is none, if several fit, or after a no. */
async function chosenInstead(error: UnknownSeriesError, options: MatchOptions, context: CliContext): Promise<string> {
  const { series, fitting: [only, ...others] } = error;
  const { match, json, quiet } = options;
  if (only === undefined || match === "exact") throw error;
  if (others.length > 0) {
    if (match === undefined) throw error;
    const some = [only, ...others].slice(0, MOST_NAMED).map((name) => `"${name}"`).join(", ");
    throw new UsageError(`${others.length + 1} series begin with "${series}": ${some}; write more of the name`, {
      cause: error,
    });
  }
  if (match === "prefix") {
    if (!json && !quiet) await writeNote(`"${series}" is taken for the series "${only}"`, context.stderr);
    return only;
  }
  const canAsk = context.askYesNo !== undefined && !json && !quiet;
  const answer = canAsk ? await context.askYesNo(`There is no series "${series}". Take "${only}" instead?`) : undefined;
  if (answer === true) return only;
  throw answer === false ? error : new UsageError(`${error.message} If so, --match prefix takes it`, { cause: error });
}

const MOST_NAMED = 5;

/** The selector with another series, if it is of the series `from`. */
function replaced(selector: string, from: string, to: string): string {
  const at = selector.lastIndexOf("@");
  const series = at < 0 ? selector : selector.slice(0, at);
  return series === from ? to + selector.slice(series.length) : selector;
}

/** A context in which a secret that was typed need not be typed again: the second run asks for the same. */
function rememberingSecrets(context: CliContext): CliContext {
  const answers = new Map<string, Uint8Array>();
  return {
    ...context,
    askSecret: async (question) => {
      const answer = answers.get(question) ?? await context.askSecret(question);
      if (answer !== undefined) answers.set(question, answer.slice());
      return answer;
    },
  };
}
