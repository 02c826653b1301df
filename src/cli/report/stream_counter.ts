/** The progress of get and verify: first indexes, then streams, counted together. */
import type { GetProgress, OpenBackup } from "../../ops/restore/get.ts";
import { type Progress, READING_INDEXES } from "./progress.ts";

/** Counts the streams of one command. */
export class StreamCounter {
  readonly #progress: Progress;
  #bytesEnded = 0;
  #bytesExpected: number | undefined;

  constructor(progress: Progress) {
    this.#progress = progress;
  }

  /** Sets the streams to be read. Without this, the total is that of the current stream. */
  expect(files: OpenBackup["files"]): void {
    this.#bytesExpected = files.reduce((sum, { size }) => sum + size, 0);
  }

  /** Reports progress in the indexes or in one stream. */
  readonly take = ({ phase, bytesWritten, bytesTotal }: GetProgress): void => {
    if (phase === "indexes") return this.#progress.update(READING_INDEXES);
    const done = this.#bytesEnded + bytesWritten;
    this.#progress.update({ phase, unit: "bytes", done, total: this.#bytesExpected ?? bytesTotal });
    if (bytesWritten >= bytesTotal) this.#bytesEnded = done;
  };
}
