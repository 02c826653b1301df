/**
 * Marks the blobs that snapshots need: walks every tree that a snapshot reaches, each distinct one once.
 *
 * It goes down level by level, all snapshots together, so that a store far away is asked for several trees at a time.
 * Memory: a byte a blob, and the ids of the trees of one level.
 */
import { mapConcurrently } from "../../base/concurrency.ts";
import { IntegrityError } from "../../base/errors.ts";
import { decodeHex, encodeHex } from "../../base/hex.ts";
import { type BlobId, ID_BYTES } from "../../base/id.ts";
import type { BlobType } from "../../format/blob.ts";
import { TreeIndex } from "../../repository/index/blob_index.ts";
import type { PruneIndex } from "./prune_index.ts";
import type { IndexedRepository, Repository } from "../../repository/repository.ts";
import { readTree, subtreeOf } from "../../repository/tree/trees.ts";

/** Which blobs are needed: a byte for each entry of a `PruneIndex`, 0 or, where it is, `MARKED`. */
export type BlobUse = Readonly<Record<BlobType, Uint8Array>>;

/** Stands for a blob that is needed. */
export const MARKED = 1;

/** What marking works with. */
export interface MarkRequest {
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

/** Content lists are megabytes of text each, so a store's many connections are not all of use here. */
const MOST_TREES_AT_ONCE = 8;

/** Marks what is needed. Throws `IntegrityError` where a tree cannot be read or names a blob that no index lists. */
export async function markUsed(request: MarkRequest): Promise<BlobUse> {
  const walk = new MarkingWalk(request);
  await walk.run(request.roots);
  return walk.used;
}

class MarkingWalk {
  readonly used: BlobUse;
  readonly #request: MarkRequest;
  readonly #repository: IndexedRepository<"tree">;

  constructor(request: MarkRequest) {
    const { index } = request;
    this.#request = request;
    this.#repository = { ...request.repository, index: treesOf(index, request.isWhole) };
    this.used = { data: new Uint8Array(index.ids.data.size), tree: new Uint8Array(index.ids.tree.size) };
  }

  async run(roots: Iterable<BlobId>): Promise<void> {
    const { index, signal, onProgress } = this.#request;
    const atOnce = Math.min(this.#repository.store.connections, MOST_TREES_AT_ONCE);
    let done = 0;
    let level: BlobId[] = [];
    for (const root of roots) this.#meet(root, level);
    while (level.length > 0) {
      const next: BlobId[] = [];
      await mapConcurrently(level, atOnce, async (tree) => {
        signal.throwIfAborted();
        await this.#visit(tree, next);
        onProgress(++done, index.ids.tree.size);
      });
      level = next;
    }
  }

  /** Marks a tree; one that was not met before is to be visited on the next level. */
  #meet(tree: BlobId, next: BlobId[]): void {
    if (this.#mark("tree", decodeHex(tree), 0)) next.push(tree);
  }

  async #visit(tree: BlobId, next: BlobId[]): Promise<void> {
    for (const node of await readTree(this.#repository, tree)) {
      if (node.type === "dir") this.#meet(subtreeOf(node), next);
      else if (node.content !== null) this.#markContent(node.content);
    }
  }

  #markContent(content: Uint8Array): void {
    for (let at = 0; at < content.length; at += ID_BYTES) this.#mark("data", content, at);
  }

  /** Marks the blob whose id stands in `ids` at `offset`; gives whether it was not marked yet. */
  #mark(type: BlobType, ids: Uint8Array, offset: number): boolean {
    const entry = this.#request.index.ids[type].find(ids, offset);
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
