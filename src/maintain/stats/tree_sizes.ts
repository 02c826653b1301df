/**
 * The sizes of backups whose snapshots do not record them: the sum of their files, from trees that were read.
 *
 * Memory: some 100 bytes for each tree, and as many for each directory in it.
 */
import type { BlobId } from "../../base/id.ts";
import { invariant } from "../../base/errors.ts";
import type { WalkedNode } from "../../format/tree/node.ts";
import { subtreeOf } from "../../repository/tree/trees.ts";

/** Collects what trees hold. */
export class TreeSizes {
  readonly #trees = new Map<BlobId, { readonly fileBytes: number; readonly below: readonly BlobId[] }>();
  readonly #totals = new Map<BlobId, number>();

  /** Notes the nodes of a tree. */
  note(tree: BlobId, nodes: readonly WalkedNode[]): void {
    const fileBytes = nodes.reduce((sum, { type, size }) => type === "file" ? sum + size : sum, 0);
    this.#trees.set(tree, { fileBytes, below: nodes.filter(({ type }) => type === "dir").map(subtreeOf) });
  }

  /** Bytes of all files below a tree, each as often as it occurs. All trees below it must have been noted. */
  totalOf(root: BlobId): number {
    const waiting = [root];
    for (let tree = waiting.at(-1); tree !== undefined; tree = waiting.at(-1)) {
      const noted = this.#trees.get(tree);
      invariant(noted !== undefined, `Tree ${tree} was not read`);
      const unknown = noted.below.filter((below) => !this.#totals.has(below));
      if (unknown.length > 0) {
        for (const below of unknown) waiting.push(below);
        continue;
      }
      this.#totals.set(tree, noted.below.reduce((sum, below) => sum + this.#totals.get(below)!, noted.fileBytes));
      waiting.pop();
    }
    return this.#totals.get(root)!;
  }
}
