/** The threads of a files backup: one walks, one reads small files, and one reads large files once there are any. */
import { startWorker, Thread } from "../../base/thread.ts";
import type { FilesCalls } from "./files_calls.ts";

/** A thread that answers `FilesCalls`. */
export type FilesThread = Pick<Thread<FilesCalls>, "call" | "terminate">;

/** Starts a thread of this program. */
export function startFilesThread(): FilesThread {
  return new Thread<FilesCalls>(startWorker("files"));
}

/** The threads of one source. */
export class FilesThreads {
  readonly #start: () => FilesThread;
  readonly walker: FilesThread;
  readonly reader: FilesThread;
  #largeReader: FilesThread | undefined;
  #ended: Promise<void> | undefined;

  constructor(start: () => FilesThread) {
    this.#start = start;
    this.walker = start();
    this.reader = start();
  }

  /** The thread for large files. */
  get largeReader(): FilesThread {
    return this.#largeReader ??= this.#start();
  }

  /** Closes what is open and ends all threads. Calls under way come to their end. Never throws. */
  end(): Promise<void> {
    return this.#ended ??= this.#end();
  }

  async #end(): Promise<void> {
    const threads = [this.walker, this.reader, ...this.#largeReader ? [this.#largeReader] : []];
    await Promise.all(threads.map(async (thread) => {
      await thread.call("endFiles", null).catch(() => {}); // A thread that failed has nothing open any more.
      thread.terminate();
    }));
  }
}
