/**
 * Marks the blobs that snapshots need: walks all trees that snapshots reach, each distinct tree once.
 *
 * Memory: one byte for each blob, and the ids of the trees of one level.
 */
import { IntegrityError } from "../../base/errors.ts";
import { decodeHex, encodeHex } from "../../base/hex.ts";
import { type BlobId, ID_BYTES } from "../../base/id.ts";
import type { MemoryBudget } from "../../base/memory_budget.ts";
import type { BlobType } from "../../format/blob.ts";
import { TreeIndex } from "../../repository/index/blob_index.ts";
import { withDecodedTrees } from "../check/decoded_trees.ts";
import type { PruneIndex } from "./prune_index.ts";
import type { WalkedNode } from "../../format/tree/node.ts";
import type { Repository } from "../../repository/repository.ts";
import { type MetTrees, walkTreesFrom } from "../../repository/tree/tree_walk.ts";
import { subtreeOf } from "../../repository/tree/trees.ts";

/** Which blobs are needed: one byte for each entry of a `PruneIndex`, 0 or `MARKED`. */
export type BlobUse = Readonly<Record<BlobType, Uint8Array>>;

/** The value of a needed blob. */
export const MARKED = 1;

/** What marking needs. */
interface MarkRequest {
  readonly repository: Repository;
  readonly index: PruneIndex;
  /** Whether a pack exists in its full size. Trees are read only from such packs. */
  readonly isWhole: (pack: number) => boolean;
  /** The root trees of all snapshots. */
  readonly roots: Iterable<BlobId>;
  readonly budget: MemoryBudget;
  readonly signal: AbortSignal;
  /** Called with the number of trees read so far, and the most there can be. */
  readonly onProgress: (done: number, total: number) => void;
}

/** Marks the needed blobs. Throws `IntegrityError` if a tree cannot be read, or names a blob that no index lists. */
export async function markUsed(request: MarkRequest): Promise<BlobUse> {
  const { repository, index, isWhole, roots, budget, signal, onProgress } = request;
  const marks = new Marks(index);
  const visitOf = (tree: BlobId) => ({ tree });
  const trees = { ...repository, index: treesOf(index, isWhole) };
  await withDecodedTrees(
    { repository: trees, budget, signal, keep: true },
    (source) =>
      walkTreesFrom(source, [...roots].map(visitOf), {
        repository: trees,
        signal,
        met: marks,
        read: (nodes) => {
          for (const { type, content } of nodes) if (type !== "dir" && content !== null) marks.addContent(content);
          return subtreesOf(nodes);
        },
        unreadable: (error) => {
          throw error;
        },
        take: (subtrees) => subtrees.map(visitOf),
        onProgress: (done) => onProgress(done, index.ids.tree.size),
      }),
  );
  return marks.used;
}

/** The marks. A tree that the walk has met is marked. */
class Marks implements MetTrees {
  readonly used: BlobUse;
  readonly #index: PruneIndex;
  #trees = 0;

  constructor(index: PruneIndex) {
    this.#index = index;
    this.used = { data: new Uint8Array(index.ids.data.size), tree: new Uint8Array(index.ids.tree.size) };
  }

  get size(): number {
    return this.#trees;
  }

  add(tree: BlobId): void {
    if (this.#mark("tree", decodeHex(tree), 0)) this.#trees++;
  }

  addContent(content: Uint8Array): void {
    for (let at = 0; at < content.length; at += ID_BYTES) this.#mark("data", content, at);
  }

  /** Marks the blob whose id is in `ids` at `offset`. Returns whether the mark is new. */
  #mark(type: BlobType, ids: Uint8Array, offset: number): boolean {
    const entry = this.#index.ids[type].find(ids, offset);
    if (entry < 0) {
      const id = encodeHex(ids, offset, ID_BYTES);
      throw new IntegrityError(`Missing ${type} blob ${id}: a backup needs it and no index lists it`);
    }
    const used = this.used[type];
    if (used[entry] !== 0) return false;
    used[entry] = MARKED;
    return true;
  }
}

/** The distinct subtrees of a tree. Throws `IntegrityError` for a directory without a tree. */
export function subtreesOf(nodes: readonly WalkedNode[]): BlobId[] {
  return [...new Set(nodes.filter(({ type }) => type === "dir").map(subtreeOf))];
}

/** An index of the readable trees. */
export function treesOf(index: PruneIndex, isWhole: (pack: number) => boolean): TreeIndex {
  const trees = new TreeIndex();
  const id = new Uint8Array(ID_BYTES);
  for (let pack = 0; pack < index.packCount; pack++) {
    if (!isWhole(pack)) continue;
    let number = -1;
    index.forEachCopy(pack, (copy) => {
      if (copy.type !== "tree") return;
      if (number < 0) number = trees.addPack(decodeHex(index.packId(pack)));
      const { offset, length, uncompressedLength } = copy;
      index.copyId(copy, id);
      trees.addTree({ pack: number, offset, length, uncompressedLength }, id);
    });
  }
  return trees;
}
