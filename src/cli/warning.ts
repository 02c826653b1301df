/** Warnings: what somebody should look at, although the command does its work. */
import type { Output } from "./context.ts";
import { printable, writeJson, writeLine } from "./output.ts";

/** Writes one to standard error, also for a quiet command; with `json` as an object. */
export function writeWarning(message: string, { json }: { readonly json?: boolean }, stderr: Output): Promise<void> {
  if (json) return writeJson(stderr, { message_type: "warning", message });
  return writeLine(stderr, `agent: warning: ${printable(message)}`);
}
