/** Counts of the entries of a tree, compared with those of an earlier backup as restic counts them. */
import type { UnchangedEntries } from "../../../engine/engine.ts";
import type { NodeType } from "../../../format/tree/node.ts";

/** How many entries are new, differ in anything from the earlier ones, or do not. */
export interface EntryChanges {
  /** Not in the earlier backup. */
  readonly new: number;
  /** Different content or different properties. */
  readonly changed: number;
  /** The same in everything. */
  readonly unmodified: number;
}

/** What a tree holds so far or in all. */
export interface TreeCounts {
  /** Regular files. */
  readonly files: EntryChanges;
  /** Directories, each counted when it ends. */
  readonly directories: EntryChanges;
  /** Links, devices and whatever else there is. */
  readonly others: number;
  /** Bytes of all files. */
  readonly bytes: number;
}

/** All changes together. */
export function totalOf(changes: EntryChanges): number {
  return changes.new + changes.changed + changes.unmodified;
}

/** Counts entries one after the other. */
export class TreeCounter {
  readonly #files = { new: 0, changed: 0, unmodified: 0 };
  readonly #directories = { new: 0, changed: 0, unmodified: 0 };
  #others = 0;
  #bytes = 0;

  /** The counts so far. */
  get counts(): TreeCounts {
    return {
      files: { ...this.#files },
      directories: { ...this.#directories },
      others: this.#others,
      bytes: this.#bytes,
    };
  }

  /** Counts an entry. `isUnmodified`: whether it is the same in everything; undefined for a new one. `size` in bytes. */
  add(type: NodeType, size: number, isUnmodified: boolean | undefined): void {
    if (type !== "file" && type !== "dir") {
      this.#others++;
      return;
    }
    const changes = type === "file" ? this.#files : this.#directories;
    if (isUnmodified === undefined) changes.new++;
    else if (isUnmodified) changes.unmodified++;
    else changes.changed++;
    this.#bytes += type === "file" ? size : 0;
  }

  /** Counts entries that are the same in everything: `files` of them are files of `bytes` in all. */
  addUnchanged({ run, files, bytes }: Pick<UnchangedEntries, "run" | "files" | "bytes">): void {
    this.#files.unmodified += files;
    this.#others += run.starts.length - files;
    this.#bytes += bytes;
  }
}
