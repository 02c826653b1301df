/** A large file as a source: a thread reads it into the memory of whoever asks. */
import type { JudgedSource } from "../../base/byte_source.ts";
import { InterruptedError } from "../../base/errors.ts";
import type { FilesThread } from "./files_threads.ts";

/** An open file in a thread. */
export class LargeFileSource implements JudgedSource {
  readonly #thread: FilesThread;
  readonly #number: number;
  readonly #onProblem: (text: string) => void;
  #isCancelled = false;
  #judged: Promise<void> | undefined;

  /** `onProblem` takes what became of the file while it was read. */
  constructor(thread: FilesThread, number: number, onProblem: (text: string) => void) {
    this.#thread = thread;
    this.#number = number;
    this.#onProblem = onProblem;
  }

  async read(target: Uint8Array): Promise<number | null> {
    if (this.#isCancelled) return null;
    const { buffer, byteOffset, length } = target;
    const isShared = buffer instanceof SharedArrayBuffer;
    const memory = isShared ? buffer : new SharedArrayBuffer(length);
    const start = isShared ? byteOffset : 0;
    const count = await this.#thread.call("readLargeFile", {
      number: this.#number,
      memory,
      start,
      end: start + length,
    });
    if (!isShared) target.set(new Uint8Array(memory, 0, count));
    return count === 0 ? null : count;
  }

  async cancel(): Promise<void> {
    if (this.#isCancelled) return;
    this.#isCancelled = true;
    await this.#thread.call("dropLargeFile", this.#number).catch(() => {}); // A thread that ended holds nothing open.
  }

  ended(): Promise<void> {
    if (this.#isCancelled) return Promise.reject(new InterruptedError());
    return this.#judged ??= this.#judge();
  }

  async #judge(): Promise<void> {
    const problem = await this.#thread.call("closeLargeFile", this.#number);
    if (problem !== null) this.#onProblem(problem);
  }
}
