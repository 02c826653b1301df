/**
 * The threads of a files backup: one walks, one reads small files, and one reads large files once there are any. A small
 * tree needs only the first, and each start costs some 40 ms of CPU and 10 MB.
 */
import { startWorker, Thread } from "../../base/thread.ts";
import type { FilesCalls } from "./files_calls.ts";

/** A thread that answers `FilesCalls`. */
export type FilesThread = Pick<Thread<FilesCalls>, "call" | "terminate">;

/** Starts a thread of this program. */
export function startFilesThread(): FilesThread {
  return new Thread<FilesCalls>(startWorker("files"));
}

/** How many times the walking thread reads small files before another thread starts for them. */
const READS_OF_WALKER = 1;

/** The threads of one source. */
export class FilesThreads {
  readonly #start: () => FilesThread;
  readonly walker: FilesThread;
  #reader: FilesThread | undefined;
  #reads = 0;
  #largeReader: FilesThread | undefined;
  #isWalkOver = false;
  #ended: Promise<void> | undefined;

  constructor(start: () => FilesThread) {
    this.#start = start;
    this.walker = start();
  }

  /** The thread for the next call that reads small files. */
  nextReader(): FilesThread {
    if (this.#reads++ < READS_OF_WALKER) return this.walker;
    return this.#reader ??= this.#startUnlessEnded();
  }

  /** Says that the walking thread has nothing left to walk. */
  walkIsOver(): void {
    this.#isWalkOver = true;
  }

  /** The thread for large files: that of the walk if it is over before the first of them is met. */
  get largeReader(): FilesThread {
    return this.#largeReader ??= this.#isWalkOver ? this.walker : this.#startUnlessEnded();
  }

  /** After the end, calls go to a thread that refuses them: nobody would end one that starts then. */
  #startUnlessEnded(): FilesThread {
    return this.#ended === undefined ? this.#start() : this.walker;
  }

  /** Closes what is open and ends all threads. Calls under way come to their end. Never throws. */
  end(): Promise<void> {
    return this.#ended ??= this.#end();
  }

  async #end(): Promise<void> {
    const threads = new Set([this.walker, this.#reader, this.#largeReader]);
    await Promise.all(
      [...threads].filter((thread) => thread !== undefined).map(async (thread) => {
        await thread.call("endFiles", null).catch(() => {}); // A thread that failed has nothing open any more.
        thread.terminate();
      }),
    );
  }
}
