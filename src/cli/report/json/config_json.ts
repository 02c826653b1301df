/** The configuration file in `--json` output. */
import * as v from "valibot";
import type { Problem } from "../../../config/problems.ts";
import { SOURCES } from "../../../config/sources.ts";
import { anyObject, count, oneOf, orNull, text } from "./json_fields.ts";

/** A mistake in the configuration file. */
export const configMistakeMessage = v.strictObject({
  path: text("The file."),
  line: count("The line, counted from 1."),
  mistake: text("What is wrong there."),
});

/** Its JSON object. */
export function configMistakeJson(
  path: string,
  { line, message }: Problem,
): v.InferOutput<typeof configMistakeMessage> {
  return { path, line, mistake: message };
}

/** The configuration file as a whole. */
export const configCheckedMessage = v.strictObject({
  path: text("The file."),
  mistakes: count("How many mistakes it has."),
});

/** Its JSON object. */
export function configCheckedJson(path: string, mistakes: number): v.InferOutput<typeof configCheckedMessage> {
  return { path, mistakes };
}

/** The content of the configuration file. */
export const configShownMessage = v.strictObject({
  path: text("The file."),
  profile: orNull(text("The profile that counts."), "there is none"),
  content: anyObject("The file's tables and keys, with secrets masked."),
});

/** Its JSON object. */
export function configShownJson(
  path: string,
  profile: string | null,
  content: Record<string, unknown>,
): v.InferOutput<typeof configShownMessage> {
  return { path, profile, content };
}

/** A value that counts for a command. */
export const configExplainedMessage = v.strictObject({
  option: text("The option's long name without dashes, or a key of the repository."),
  value: text("Its value, with secrets masked."),
  from: oneOf(SOURCES, "Where it is from."),
  variable: orNull(text("The variable."), "it is not from the environment"),
  table: orNull(text("The table of the file."), "it is not from the file"),
  line: orNull(count("The line of the file."), "it is not from the file"),
});

/** Its JSON object. */
export function configExplainedJson(
  { option, value, from, variable, table, line }: v.InferOutput<typeof configExplainedMessage>,
): v.InferOutput<typeof configExplainedMessage> {
  return { option, value, from, variable, table, line };
}

/** An import. */
export const configImportedMessage = v.strictObject({
  path: text("The file that was written."),
  copy: orNull(text("Where the earlier file is kept."), "there was none"),
});

/** Its JSON object. */
export function configImportedJson(path: string, copy: string | null): v.InferOutput<typeof configImportedMessage> {
  return { path, copy };
}
