/** The progress of get and verify: indexes first, then streams one after the other, counted together. */
import type { GetProgress, OpenBackup } from "../../ops/get.ts";
import { type Progress, READING_INDEXES } from "./progress.ts";

/** Counts the streams of one command. */
export class StreamCounter {
  readonly #progress: Progress;
  #bytesEnded = 0;
  #bytesExpected: number | undefined;

  constructor(progress: Progress) {
    this.#progress = progress;
  }

  /** All streams that are going to be read; without, the total is that of one alone. */
  expect(files: OpenBackup["files"]): void {
    this.#bytesExpected = files.reduce((sum, { size }) => sum + size, 0);
  }

  /** How far the indexes, or one stream, are. */
  readonly take = ({ phase, bytesWritten, bytesTotal }: GetProgress): void => {
    if (phase === "indexes") return this.#progress.update(READING_INDEXES);
    const done = this.#bytesEnded + bytesWritten;
    this.#progress.update({ phase, unit: "bytes", done, total: this.#bytesExpected ?? bytesTotal });
    if (bytesWritten >= bytesTotal) this.#bytesEnded = done;
  };
}
