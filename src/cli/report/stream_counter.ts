/** The progress of get and verify: first indexes, then streams, counted together, or a tree of files. */
import type { GetProgress, OpenBackup } from "../../ops/restore/get.ts";
import { type Progress, READING_INDEXES } from "./progress.ts";

/** Counts the streams of one command. */
export class StreamCounter {
  readonly #progress: Pick<Progress, "update">;
  #bytesEnded = 0;
  #bytesExpected: number | undefined;

  constructor(progress: Pick<Progress, "update">) {
    this.#progress = progress;
  }

  /** Sets the streams to be read. Without any, as for a backup of files, each report counts everything by itself. */
  expect(files: OpenBackup["files"]): void {
    this.#bytesExpected = files.length === 0 ? undefined : files.reduce((sum, { size }) => sum + size, 0);
  }

  /** Reports progress in the indexes or in one stream. */
  readonly take = ({ phase, bytesWritten, bytesTotal }: GetProgress): void => {
    if (phase === "indexes") return this.#progress.update(READING_INDEXES);
    if (this.#bytesExpected === undefined) {
      return this.#progress.update({ phase, unit: "bytes", done: bytesWritten, total: bytesTotal });
    }
    const done = this.#bytesEnded + bytesWritten;
    this.#progress.update({ phase, unit: "bytes", done, total: this.#bytesExpected });
    if (bytesWritten >= bytesTotal) this.#bytesEnded = done;
  };
}
