/** The progress of a put of files: of most of them only the status is looked at, and the backup before tells how many. */
import type { PutProgress, TreeCounts } from "../../../ops/put.ts";
import type { ProgressStep } from "../progress_wording.ts";

/** Turns the progress of one put into steps. */
export class TreeProgress {
  /** How many bytes were read when the counts last changed. */
  #counted: { readonly counts: TreeCounts; readonly bytesRead: number } | undefined;
  #done = 0;

  /** The step for the progress, of which `tree` has the counts. */
  step(progress: PutProgress, tree: TreeCounts): ProgressStep {
    const { phase, bytesRead, bytesAdded, bytesBefore, filesBefore = null } = progress;
    const files = filesOf(tree);
    const done = this.#bytesDone(tree, bytesRead);
    const counted = { phase: "files", unit: "bytes", done, bytesRead, bytesAdded, files } as const;
    if (phase === "commit") return { ...counted, phase, label: { long: "writing the backup", short: "writing" } };
    if (bytesBefore !== null && bytesBefore > 0) return { ...counted, total: bytesBefore, isEstimate: true };
    if (filesBefore === null) return counted;
    // Nothing but empty files: only their number tells how far the walk is.
    return { phase: "files", label: LOOKING, unit: "files", done: files, total: filesBefore, isEstimate: true };
  }

  /** The bytes of all files so far. Of a file that is under way, what was read counts, since it may take hours. */
  #bytesDone(counts: TreeCounts, bytesRead: number): number {
    if (this.#counted?.counts !== counts) this.#counted = { counts, bytesRead };
    const underWay = bytesRead - this.#counted.bytesRead;
    return this.#done = Math.max(this.#done, counts.bytes + underWay);
  }
}

const LOOKING = { long: "looking at files", short: "files" };

function filesOf({ files }: TreeCounts): number {
  return files.new + files.changed + files.unmodified;
}
