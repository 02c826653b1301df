/** Reads trees for a walk depth first, and begins to read those ahead of it, so that a distant store is not waited for. */
import { decodeHex } from "../../base/hex.ts";
import type { BlobId } from "../../base/id.ts";
import { compareByteStrings } from "../../format/byte_string.ts";
import { plaintextLength } from "../../format/pack_header.ts";
import type { Node } from "../../format/tree/node.ts";
import type { IndexedRepository } from "../repository.ts";
import { readTree } from "./trees.ts";

/** How many nodes behind the current one are looked at for directories. */
const NODES_AHEAD = 64;
/** How many trees of one directory are read ahead, at most. */
const MOST_AHEAD_OF_ONE = 8;
/** How many trees are read ahead in all. A walk needs some of them much later, and holds them until then. */
const MOST_AHEAD = 64;
/** Larger trees are not read ahead, because as nodes they take several times this memory. */
const LARGE_TREE_BYTES = 256 * 1024;

/**
 * Reads the trees of a repository. Memory: up to 64 trees that were read ahead. Disposal waits for what is still being
 * read.
 */
export class TreeReader implements AsyncDisposable {
  readonly #repository: IndexedRepository<"tree">;
  readonly #signal: AbortSignal | undefined;
  readonly #ahead = new Map<BlobId, Promise<readonly Node[]>>();

  constructor(repository: IndexedRepository<"tree">, signal?: AbortSignal) {
    this.#repository = repository;
    this.#signal = signal;
  }

  /**
   * Begins to read the trees of the first few directories among the nodes from `next` on, or among those that are
   * wanted. Failures are thrown by `read`.
   */
  readSubtreesAhead(nodes: readonly Node[], next: number, isWanted: (node: Node) => boolean = () => true): void {
    const { connections } = this.#repository.store;
    let left = Math.min(MOST_AHEAD_OF_ONE, connections);
    for (const node of nodes.slice(next, next + NODES_AHEAD)) {
      if (left === 0 || this.#ahead.size >= MOST_AHEAD) return;
      const { type, subtree } = node;
      if (type !== "dir" || subtree === null || !isWanted(node)) continue;
      left--;
      if (this.#ahead.has(subtree) || this.#isLarge(subtree)) continue;
      const reading = this.#read(subtree);
      reading.catch(() => {});
      this.#ahead.set(subtree, reading);
    }
  }

  /** The nodes of a tree, sorted by the bytes of their names. Throws `IntegrityError`, and the signal's reason. */
  async read(tree: BlobId): Promise<readonly Node[]> {
    this.#signal?.throwIfAborted();
    const ahead = this.#ahead.get(tree);
    this.#ahead.delete(tree);
    return await (ahead ?? this.#read(tree));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#ahead.values());
  }

  async #read(tree: BlobId): Promise<readonly Node[]> {
    return sorted(await readTree(this.#repository, tree));
  }

  #isLarge(tree: BlobId): boolean {
    const place = this.#repository.index.locate("tree", decodeHex(tree));
    return place === undefined || plaintextLength(place) > LARGE_TREE_BYTES;
  }
}

/** All known tools sort, but comparing two trees depends on it. */
function sorted(nodes: readonly Node[]): readonly Node[] {
  const byName = (a: Node, b: Node) => compareByteStrings(a.name, b.name);
  return nodes.every((node, i) => i === 0 || byName(nodes[i - 1]!, node) < 0) ? nodes : nodes.toSorted(byName);
}
