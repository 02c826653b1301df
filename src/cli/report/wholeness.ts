/** What is known of a backup being whole, in the words that all commands use. */
import type { AgentSnapshotInfo } from "../../format/manifest/agent_info.ts";
import { FILES_ENGINE } from "../../format/manifest/manifest.ts";
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

/** What is judged of a backup in a few words: its format or, since files have none, whether all of them were read. */
export function judgedText({ engine, guard, files, shrunk, problems = 0 }: AgentSnapshotInfo, verdict = guard): string {
  const remarks = [...shrunk ? ["shrunk"] : [], ...problems > 0 ? ["in part"] : []];
  if (engine !== FILES_ENGINE) return [verdict, ...remarks].join(", ");
  if (files === 0) return ["no file", ...remarks].join(", ");
  return problems > 0 ? remarks.join(", ") : "all read";
}
