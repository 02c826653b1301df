/** Warnings, notes and what was left out, from a command that continues its work. */
import type { Output } from "../terminal/input_output.ts";
import { shortenPaths } from "../terminal/terminal_text.ts";
import { warningJson } from "./json/standard_error_json.ts";
import { leftOutJson } from "./json/values/left_out_json.ts";
import { formatCount, writeJson, writeLine } from "../terminal/write.ts";

/** Writes a note, which is no cause for concern, to standard error for people. */
export function writeNote(note: string, stderr: Output): Promise<void> {
  return writeLine(stderr, `agent: note: ${shortenPaths(note)}`);
}

/** Writes a warning to standard error, even for a quiet command; with `json` as an object. */
export function writeWarning(message: string, { json }: { readonly json?: boolean }, stderr: Output): Promise<void> {
  if (json) return writeJson(stderr, warningJson(message));
  return writeLine(stderr, `agent: warning: ${shortenPaths(message)}`);
}

/** How it is said that something was left out. */
interface LeftOutStyle {
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/**
 * Says how many keys with values were left out, since no series was named: in a line to standard error, or in an object
 * with `json`; nothing if there are none.
 */
export async function tellLeftOutKeys(
  keys: number,
  { json = false, quiet = false }: LeftOutStyle,
  { stdout, stderr }: { readonly stdout: Output; readonly stderr: Output },
): Promise<void> {
  if (keys === 0) return;
  if (json) await writeJson(stdout, leftOutJson(keys));
  else if (!quiet) {
    await writeLine(stderr, `Left out, as no series was named: the values of ${formatCount(keys, "key")}`);
  }
}
