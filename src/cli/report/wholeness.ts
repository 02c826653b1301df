/** What a guard found, in the words that all commands use. */
import { recognitionOf } from "../../guard/recognition.ts";

/**
 * Whether a stream of this format is whole, for people. Of a container that nobody looks into that says little: half a
 * dump in it is a whole container.
 */
export function describeWholeness(format: string, complete: boolean | null): string {
  if (complete === null) return "not judged";
  if (!complete) return "not whole";
  return recognitionOf(format) === "container" ? "whole, content not judged" : "whole";
}
