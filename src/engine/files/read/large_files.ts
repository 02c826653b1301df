/** Files that are read one by one, piece by piece. They stay open from the moment at which they are told of. */
import { FileSystemError, invariant } from "../../../base/errors.ts";
import { TimeTexts } from "../walk/entry_record.ts";
import type { LargeFileRequest, LargeReadRequest, OpenedLargeFile } from "./file_to_read.ts";
import { changeOf, type OpenedFile, openFound, type RecentFolders } from "./opened_file.ts";

interface Reading {
  readonly opened: OpenedFile;
  offset: number;
  failure: string | undefined;
}

/** Open files by number. Disposing of it closes them. */
export class LargeFiles implements Disposable {
  readonly #folders: RecentFolders;
  readonly #files = new Map<number, Reading>();
  #last = 0;

  constructor(folders: RecentFolders) {
    this.#folders = folders;
  }

  /** Opens a file. */
  open({ folder, file, withAtime }: LargeFileRequest): OpenedLargeFile {
    const opened = openFound(this.#folders, folder, file, new TimeTexts({ keepsAccess: withAtime }));
    if (typeof opened === "string") return { number: null, problem: opened };
    const { head, problem } = opened;
    this.#files.set(++this.#last, { opened, offset: 0, failure: undefined });
    return { number: this.#last, ...head && { head }, ...problem !== undefined && { problem } };
  }

  /**
   * Reads on; 0 at the end. No more is read than the file had when it was opened: what somebody appends for ever would
   * never end. A file that cannot be read further ends there, and `close` tells why.
   */
  read({ number, memory, start, end }: LargeReadRequest): number {
    const reading = this.#reading(number);
    const { opened: { file, state }, offset } = reading;
    const most = Math.min(end - start, state.size - offset);
    if (most <= 0) return 0;
    try {
      const length = file.read(new Uint8Array(memory, start, most), offset);
      reading.offset += length;
      return length;
    } catch (error) {
      if (!(error instanceof FileSystemError)) throw error;
      reading.failure = `${error.message}; ${offset} bytes of it are kept`;
      return 0;
    }
  }

  /** Closes a file after its last byte; what is wrong with it, or null. */
  close(number: number): string | null {
    const { opened, offset, failure } = this.#reading(number);
    try {
      return failure ?? changeOf(opened, offset) ?? null;
    } catch (error) {
      if (!(error instanceof FileSystemError)) throw error;
      return error.message;
    } finally {
      this.drop(number);
    }
  }

  /** Closes a file. May be called again. */
  drop(number: number): void {
    this.#files.get(number)?.opened.file[Symbol.dispose]();
    this.#files.delete(number);
  }

  [Symbol.dispose](): void {
    for (const number of [...this.#files.keys()]) this.drop(number);
  }

  #reading(number: number): Reading {
    const reading = this.#files.get(number);
    invariant(reading, "A file was read before it was opened or after it was closed");
    return reading;
  }
}
