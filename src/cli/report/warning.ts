/** Warnings and notes: what somebody should look at or know of, although the command does its work. */
import type { Output } from "../terminal/input_output.ts";
import { warningJson } from "./json/standard_error.ts";
import { writeJson, writeLine } from "../terminal/write.ts";

/** Writes what is good to know and nothing to worry about to standard error, as text for people. */
export function writeNote(note: string, stderr: Output): Promise<void> {
  return writeLine(stderr, `agent: note: ${note}`);
}

/** Writes one to standard error, also for a quiet command; with `json` as an object. */
export function writeWarning(message: string, { json }: { readonly json?: boolean }, stderr: Output): Promise<void> {
  if (json) return writeJson(stderr, warningJson(message));
  return writeLine(stderr, `agent: warning: ${message}`);
}
