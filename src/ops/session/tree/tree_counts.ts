/** Counts of the entries of a tree, compared with those of an earlier backup as restic counts them. */
import { equalBytes } from "../../../base/bytes.ts";
import type { Node } from "../../../format/tree/node.ts";

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

  /** Counts a node; `earlier` is the one of the same name in the earlier backup. */
  add(node: Node, earlier: Node | undefined): void {
    const { type, size } = node;
    if (type !== "file" && type !== "dir") {
      this.#others++;
      return;
    }
    const changes = type === "file" ? this.#files : this.#directories;
    if (earlier === undefined) changes.new++;
    else if (isSame(node, earlier)) changes.unmodified++;
    else changes.changed++;
    this.#bytes += type === "file" ? size : 0;
  }
}

/** Whether two nodes of one name are the same in everything. */
export function isSame(a: Node, b: Node): boolean {
  return haveSameScalars(a, b) && equalBytes(a.content, b.content) &&
    a.extendedAttributes.length === b.extendedAttributes.length &&
    a.extendedAttributes.every(({ name, value }, i) => {
      const other = b.extendedAttributes[i]!;
      return name === other.name && equalBytes(value, other.value);
    }) &&
    a.genericAttributes.size === b.genericAttributes.size &&
    [...a.genericAttributes].every(([name, value]) => b.genericAttributes.get(name) === value);
}

/** Field by field, what changes most often first: a loop over names of fields would take several times as long. */
function haveSameScalars(a: Node, b: Node): boolean {
  return a.mtime === b.mtime && a.ctime === b.ctime && a.size === b.size && a.inode === b.inode && a.type === b.type &&
    a.mode === b.mode && a.atime === b.atime && a.uid === b.uid && a.gid === b.gid && a.user === b.user &&
    a.group === b.group && a.deviceId === b.deviceId && a.links === b.links && a.linkTarget === b.linkTarget &&
    a.device === b.device && a.subtree === b.subtree && a.error === b.error;
}
