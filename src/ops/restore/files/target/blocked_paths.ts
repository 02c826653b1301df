/** Directories that could not be restored, or are left as they are: nothing below them is restored. */
import { folderOf } from "../entry.ts";

/** A set of directories, by path. */
export class BlockedPaths {
  readonly #paths = new Set<string>();

  /** Adds a directory. */
  add(path: string): void {
    this.#paths.add(path);
  }

  /** Whether a path is one of the directories, or below one of them. */
  includes(path: string): boolean {
    return this.#paths.has(path) || this.covers(path);
  }

  /** Whether a path is below one of the directories. */
  covers(path: string): boolean {
    if (this.#paths.size === 0) return false;
    for (let above = folderOf(path); above !== ""; above = folderOf(above)) if (this.#paths.has(above)) return true;
    return false;
  }
}
