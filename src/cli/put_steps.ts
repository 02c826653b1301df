/** The progress of a put as steps: of streams, or of files, of which most are looked at and not read. */
import type { PutProgress, TreeCounts } from "../ops/put.ts";
import { totalOf } from "../ops/session/tree/tree_counts.ts";
import { OPENING, WAITING } from "./report/progress.ts";
import type { ProgressStep } from "./report/progress_wording.ts";

/** Before a put has told anything. */
export const NOTHING_YET: PutProgress = { phase: "waiting", bytesRead: 0, bytesAdded: 0, bytesBefore: null };

const WAITING_STEP: ProgressStep = {
  phase: WAITING,
  label: { long: "waiting for the first byte", short: "waiting" },
};
const WRITING = { long: "writing the backup", short: "writing" };
const LOOKING = { long: "looking at files", short: "files" };

/** The step of a put of streams. */
export function streamStep({ phase, bytesRead, bytesAdded, bytesBefore }: PutProgress): ProgressStep {
  if (phase === "waiting") return WAITING_STEP;
  const counted = { phase, unit: "bytes", done: bytesRead, bytesAdded } as const;
  if (phase === "commit") return { ...counted, label: WRITING };
  return { ...counted, ...bytesBefore !== null && { total: bytesBefore, isEstimate: true } };
}

/** The steps of one put of files. The backup before tells how much there is. */
export class FileSteps {
  /** How many bytes were read when the counts last changed. */
  #counted: { readonly counts: TreeCounts; readonly bytesRead: number } | undefined;
  #done = 0;

  /** Files give no first byte to wait for: until there is a tree, the repository is being opened. */
  step(progress: PutProgress): ProgressStep {
    const { phase, bytesRead, bytesAdded, bytesBefore, filesBefore = null, tree } = progress;
    if (tree === undefined) return OPENING;
    const files = totalOf(tree.files);
    const done = this.#bytesDone(tree, bytesRead);
    const counted = { phase: "files", unit: "bytes", done, bytesRead, bytesAdded, files } as const;
    if (phase === "commit") return { ...counted, phase, label: WRITING };
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
