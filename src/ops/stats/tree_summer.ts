/** Adds up how two trees differ. */
import type { EntryDifference } from "../../backup/trees/compare_views.ts";
import type { Node } from "../../format/tree/node.ts";

/** Entries that only one backup has, or of which the content differs. */
export interface EntrySums {
  /** Files. */
  readonly files: number;
  /** Directories. */
  readonly directories: number;
  /** Links, devices, pipes and sockets. */
  readonly others: number;
  /** The files' sizes together. */
  readonly bytes: number;
}

/** The sums of the differences between two trees. */
export interface TreeSums {
  /** Entries that only B has, and what B has in the place of an entry of another type. */
  readonly added: EntrySums;
  /** Entries that only A has, and what A has in the place of an entry of another type. */
  readonly removed: EntrySums;
  /** Entries of which the content differs, as they are in A. */
  readonly changedA: EntrySums;
  /** The same entries, as they are in B. */
  readonly changedB: EntrySums;
  /** Entries of which only the metadata differ; 0 if these were not asked for. */
  readonly metadata: number;
}

const NOTHING: EntrySums = { files: 0, directories: 0, others: 0, bytes: 0 };

/** The sums of the differences so far. */
export class TreeSummer implements TreeSums {
  added = NOTHING;
  removed = NOTHING;
  changedA = NOTHING;
  changedB = NOTHING;
  metadata = 0;

  /** Adds an entry. */
  add({ modifier, a, b }: EntryDifference): void {
    switch (modifier) {
      case "U":
        this.metadata++;
        break;
      case "M":
        this.changedA = plus(this.changedA, a);
        this.changedB = plus(this.changedB, b);
        break;
      default:
        this.removed = plus(this.removed, a);
        this.added = plus(this.added, b);
    }
  }
}

function plus(sums: EntrySums, node: Node | null): EntrySums {
  if (node === null) return sums;
  const { files, directories, others, bytes } = sums;
  if (node.type === "file") return { files: files + 1, directories, others, bytes: bytes + node.size };
  if (node.type === "dir") return { files, directories: directories + 1, others, bytes };
  return { files, directories, others: others + 1, bytes };
}
