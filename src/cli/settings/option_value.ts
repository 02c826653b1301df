/** Turns a value of the configuration file into what the command line would give for the same option. */
import type { Option } from "@commander-js/extra-typings";
import { messageOf, UsageError } from "../../base/errors.ts";
import type { SettingValue } from "../../config/configuration.ts";

/** What stands for a flag that the file turns off: it has the value that it has without the file. */
export const OFF: unique symbol = Symbol("off");

/**
 * The value of `option`, parsed as on the command line. Throws `UsageError` for a value of the wrong kind, and for what
 * its own parser refuses.
 */
export function optionValue(option: Option, value: SettingValue): unknown {
  return isFlag(option) ? flagValue(option, value) : parsedValue(option, value);
}

/** Whether an option takes no value. */
function isFlag(option: Option): boolean {
  return !option.required && !option.optional;
}

function flagValue(option: Option, value: SettingValue): unknown {
  if (typeof value !== "boolean") throw new UsageError("it has to be true or false, without quotes");
  return value ? !option.negate : OFF;
}

function parsedValue(option: Option, value: SettingValue): unknown {
  if (typeof value === "boolean") throw new UsageError("it has to be a text in quotes or a number");
  const texts = (typeof value === "object" ? value : [value]).map(String);
  let parsed: unknown;
  for (const text of texts) parsed = parse(option, text, parsed);
  if (typeof value === "object" && !isRepeated(option, texts, parsed)) {
    throw new UsageError(`it takes one value, and this is a list of ${texts.length}`);
  }
  return parsed;
}

function parse(option: Option, text: string, earlier: unknown): unknown {
  const parser = option.parseArg as ((text: string, earlier: unknown) => unknown) | undefined;
  if (parser === undefined) return text;
  try {
    return parser(text, earlier);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(messageOf(error).replace(/\.$/, ""), { cause: error });
  }
}

/** Whether the option's parser made a collection, in which the last text has not replaced the others. */
function isRepeated(option: Option, texts: readonly string[], parsed: unknown): boolean {
  if (texts.length === 0) return false;
  if (!(Array.isArray(parsed) || parsed instanceof Map)) return false;
  const last = texts.at(-1)!;
  if (texts.every((text) => text === last)) return true;
  const size = (collection: unknown) => collection instanceof Map ? collection.size : (collection as unknown[]).length;
  return size(parsed) > size(parse(option, last, undefined));
}
