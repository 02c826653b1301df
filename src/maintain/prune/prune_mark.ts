/**
 * Marks the blobs that snapshots need: walks every tree that a snapshot reaches, each distinct one once.
 *
 * Memory: a byte a blob, and the ids of the trees of one level.
 */
import { IntegrityError } from "../../base/errors.ts";
import { decodeHex, encodeHex } from "../../base/hex.ts";
import { type BlobId, ID_BYTES } from "../../base/id.ts";
import type { BlobType } from "../../format/blob.ts";
import { TreeIndex } from "../../repository/index/blob_index.ts";
import type { PruneIndex } from "./prune_index.ts";
import type { Node } from "../../format/tree/node.ts";
import type { Repository } from "../../repository/repository.ts";
import { type MetTrees, walkTrees } from "../../repository/tree/tree_walk.ts";
import { subtreeOf } from "../../repository/tree/trees.ts";

/** Which blobs are needed: a byte for each entry of a `PruneIndex`, 0 or, where it is, `MARKED`. */
export type BlobUse = Readonly<Record<BlobType, Uint8Array>>;

/** Stands for a blob that is needed. */
export const MARKED = 1;

/** What marking works with. */
interface MarkRequest {
  readonly repository: Repository;
  readonly index: PruneIndex;
  /** Whether a pack is there in its full size; trees are read from such packs only. */
  readonly isWhole: (pack: number) => boolean;
  /** The root trees of all snapshots. */
  readonly roots: Iterable<BlobId>;
  readonly signal: AbortSignal;
  /** Called with how many of how many trees, at most, were read. */
  readonly onProgress: (done: number, total: number) => void;
}

/** Marks what is needed. Throws `IntegrityError` where a tree cannot be read or names a blob that no index lists. */
export async function markUsed(request: MarkRequest): Promise<BlobUse> {
  const { repository, index, isWhole, roots, signal, onProgress } = request;
  const marks = new Marks(index);
  const visitOf = (tree: BlobId) => ({ tree });
  await walkTrees([...roots].map(visitOf), {
    repository: { ...repository, index: treesOf(index, isWhole) },
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
  });
  return marks.used;
}

/** What is marked: the trees that were met are among it. */
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

  /** Marks the blob whose id stands in `ids` at `offset`; gives whether it was not marked yet. */
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

/** The trees below a tree, each once. Throws `IntegrityError` for a directory that names none. */
function subtreesOf(nodes: readonly Node[]): BlobId[] {
  return [...new Set(nodes.filter(({ type }) => type === "dir").map(subtreeOf))];
}

/** An index of the trees that can be read. */
function treesOf(index: PruneIndex, isWhole: (pack: number) => boolean): TreeIndex {
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
