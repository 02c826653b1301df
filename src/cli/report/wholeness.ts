/** A guard's verdict in the words that all commands use. */
import { recognitionOf } from "../../guard/recognition.ts";

/**
 * Whether a stream of this format is whole, for people. A whole container says little if its content is not judged: it
 * may hold half a dump.
 */
export function describeWholeness(format: string, complete: boolean | null): string {
  if (complete === null) return "not judged";
  if (!complete) return "not whole";
  return recognitionOf(format) === "container" ? "whole, content not judged" : "whole";
}
