/** What is said of the streams of a backup: notes, and the refusal of one that is not whole. */
import { SourceError } from "../../base/errors.ts";
import type { StreamSummary } from "../../pipeline/calls.ts";

/** A stream with the notes of its guard. */
interface NotedStream {
  readonly path: string;
  readonly notes: readonly string[];
}

/** The notes on all streams. If there are several streams, each note names its stream. */
export function notesOf(items: readonly NotedStream[]): string[] {
  return items.flatMap(({ path, notes }) => notes.map((note) => items.length === 1 ? note : `${path}: ${note}`));
}

/** Throws `SourceError` if a guard found that a stream is not whole. `what` names it. */
export function refuseIncomplete(what: string, { verdict }: StreamSummary): void {
  if (verdict.complete !== false) return;
  const stream = verdict.format === "none" ? "stream" : `${verdict.format} stream`;
  const reason = `the ${stream} is not whole: ${verdict.reason}`;
  throw new SourceError(`Refusing to back up "${what}": ${reason}; nothing was committed; see what its program said`);
}
