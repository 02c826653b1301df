/** Arguments that need not be UTF-8: they are byte strings, and only names of files may be more than text. */
import type { CommandUnknownOpts } from "@commander-js/extra-typings";
import { UsageError } from "../base/errors.ts";
import { quoteByteString } from "../format/byte_string.ts";

/** The arguments and options of a command that may be any bytes. */
export interface TakesBytes {
  /** The position of the first of its arguments that may, from 0. */
  readonly argumentsFrom: number;
  /** The names of options as in their values, such as `exclude`. */
  readonly options: readonly string[];
}

const NOWHERE: TakesBytes = { argumentsFrom: Infinity, options: [] };

/** Throws `UsageError` for an argument, an option's value or a part of a command to run that is not UTF-8. */
export function refuseBytes(
  command: CommandUnknownOpts,
  commandLine: readonly string[] = [],
  { argumentsFrom, options }: TakesBytes = NOWHERE,
): void {
  const values = Object.entries(command.optsWithGlobals()).filter(([name]) => !options.includes(name));
  const texts = [...command.args.slice(0, argumentsFrom), ...values.flatMap(([, value]) => value), ...commandLine];
  const wrong = texts.find((text) => typeof text === "string" && !text.isWellFormed());
  if (typeof wrong === "string") throw notUtf8(wrong);
}

/** The error for an argument that is not UTF-8. */
export function notUtf8(argument: string): UsageError {
  return new UsageError(
    `The argument ${
      quoteByteString(argument)
    } is not UTF-8: give names and commands in UTF-8, and a password in a file`,
  );
}
