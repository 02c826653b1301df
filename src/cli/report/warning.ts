/** Warnings and notes from a command that continues its work. */
import type { Output } from "../terminal/input_output.ts";
import { shortenPaths } from "../terminal/terminal_text.ts";
import { warningJson } from "./json/standard_error_json.ts";
import { writeJson, writeLine } from "../terminal/write.ts";

/** Writes a note, which is no cause for concern, to standard error for people. */
export function writeNote(note: string, stderr: Output): Promise<void> {
  return writeLine(stderr, `agent: note: ${shortenPaths(note)}`);
}

/** Writes a warning to standard error, even for a quiet command; with `json` as an object. */
export function writeWarning(message: string, { json }: { readonly json?: boolean }, stderr: Output): Promise<void> {
  if (json) return writeJson(stderr, warningJson(message));
  return writeLine(stderr, `agent: warning: ${shortenPaths(message)}`);
}
