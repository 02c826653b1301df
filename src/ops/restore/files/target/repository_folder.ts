/** The folder of a repository on this machine, which a restore from it neither writes nor deletes. */
import { concatBytes } from "../../../../base/bytes.ts";
import { FileSystemError } from "../../../../base/errors.ts";
import type { FileSystem } from "../../../../filesystem/file_system.ts";
import { HERE } from "../../../../filesystem/names.ts";
import { type FileStatus, isSameFile } from "../../../../filesystem/status.ts";

const ABOVE = new TextEncoder().encode("/..");

/** The folder of a repository, known by its inode, whatever path leads to it. */
export class RepositoryFolder {
  readonly #files: FileSystem;
  /** Null if the repository is elsewhere. */
  readonly #status: FileStatus | null;

  /** `path`: where the repository is; null if that is on another machine. */
  constructor(files: FileSystem, path: Uint8Array | null) {
    this.#files = files;
    this.#status = path === null ? null : this.#statusAt(path);
  }

  /** Whether this is the status of the repository's folder. */
  is(status: FileStatus): boolean {
    return this.#status !== null && isSameFile(status, this.#status);
  }

  /** Whether the folder at a path is the repository's, or lies in it. */
  contains(path: Uint8Array): boolean {
    if (this.#status === null) return false;
    let below: FileStatus | null = null;
    for (let above = path;; above = concatBytes([above, ABOVE])) {
      const status = this.#statusAt(above);
      if (status === null || below !== null && isSameFile(status, below)) return false;
      if (this.is(status)) return true;
      below = status;
    }
  }

  #statusAt(path: Uint8Array): FileStatus | null {
    try {
      using folder = this.#files.openRoot(path);
      return folder.status(HERE);
    } catch (error) {
      if (error instanceof FileSystemError) return null;
      throw error;
    }
  }
}
