/**
 * The graph of all distinct trees, by number, which leads from a damaged tree to the snapshots it affects.
 *
 * Memory: some 43 bytes for each tree and 8 for each directory in a tree.
 */
import { doubled } from "../../base/bytes.ts";
import type { BlobId } from "../../base/id.ts";
import { TreeNumbers } from "../../repository/tree/tree_walk.ts";

const LEAST_EDGES = 1024;

/** Trees and the links from parents to children. */
export class TreeGraph extends TreeNumbers {
  /** Pairs of a parent's and a child's number. */
  #edges = new Uint32Array(LEAST_EDGES * 2);
  #edgeCount = 0;

  /** Records that tree `child` is a directory of tree `parent`. Both must have been added. */
  connect(parent: BlobId, child: BlobId): void {
    if (this.#edgeCount * 2 === this.#edges.length) this.#edges = doubled(this.#edges);
    this.#edges.set([this.find(parent), this.find(child)], this.#edgeCount++ * 2);
  }

  /** Makes the reverse graph. Call it after all links are recorded. */
  ancestry(): TreeAncestry {
    return new TreeAncestry(this.size, this.#edges.subarray(0, this.#edgeCount * 2));
  }
}

/** The reverse graph: from a tree to the trees that contain it. */
class TreeAncestry {
  /** The parents of tree n are `#parents` from `#starts[n]` to `#starts[n + 1]`. */
  readonly #starts: Uint32Array;
  readonly #parents: Uint32Array;

  constructor(trees: number, edges: Uint32Array) {
    this.#starts = new Uint32Array(trees + 1);
    for (let i = 1; i < edges.length; i += 2) this.#starts[edges[i]! + 1]!++;
    for (let tree = 0; tree < trees; tree++) this.#starts[tree + 1]! += this.#starts[tree]!;
    const next = this.#starts.slice();
    this.#parents = new Uint32Array(edges.length / 2);
    for (let i = 0; i < edges.length; i += 2) this.#parents[next[edges[i + 1]!]!++] = edges[i]!;
  }

  /** The given trees and all trees that contain them, directly or not. */
  of(trees: Iterable<number>): Set<number> {
    const found = new Set(trees);
    // Iterating over a set also visits items added meanwhile.
    for (const tree of found) {
      for (let at = this.#starts[tree]!; at < this.#starts[tree + 1]!; at++) found.add(this.#parents[at]!);
    }
    return found;
  }
}
