/** A walk over the nodes of a tree, which reads a few trees ahead. Memory: the trees on the way to the current node. */
import { IntegrityError } from "../../base/errors.ts";
import { decodeHex } from "../../base/hex.ts";
import type { BlobId } from "../../base/id.ts";
import { MOST_TREE_DEPTH } from "../../format/bounds.ts";
import { plaintextLength } from "../../format/pack_header.ts";
import type { Node } from "../../format/tree/node.ts";
import type { IndexedRepository } from "../../repository/repository.ts";
import { readTree, subtreeOf } from "../../repository/tree/trees.ts";

/** A node and its path from the root. */
export interface FoundNode {
  readonly path: string;
  readonly node: Node;
}

/** A directory on the current path. */
interface Step {
  readonly prefix: string;
  readonly nodes: readonly Node[];
  next: number;
  /** The trees of the next directories, which are being read. */
  readonly ahead: Map<BlobId, Promise<readonly Node[]>>;
}

/** How many trees are requested before they are needed, since a distant store takes its time for each. */
const TREES_AHEAD = 4;
/** A larger tree is not read before it is needed. */
const MOST_BYTES_AHEAD = 256 * 1024;

/** Walks over a tree, depth first. A directory's entries follow if it is entered. */
export class TreeWalk {
  readonly #repository: IndexedRepository<"tree">;
  readonly #root: BlobId;
  readonly #way: Step[] = [];
  #entering: { readonly tree: BlobId; readonly prefix: string } | null;

  constructor(repository: IndexedRepository<"tree">, root: BlobId) {
    this.#repository = repository;
    this.#root = root;
    this.#entering = { tree: root, prefix: "" };
  }

  /** Makes the entries of a directory, which `next` has just returned, the next ones. */
  enter({ path, node }: FoundNode): void {
    this.#entering = { tree: subtreeOf(node), prefix: `${path}/` };
  }

  /** The next node, or null at the end. */
  async next(): Promise<FoundNode | null> {
    if (this.#entering !== null) await this.#descend(this.#entering);
    for (let step = this.#way.at(-1); step !== undefined; step = this.#way.at(-1)) {
      const node = step.nodes[step.next++];
      if (node !== undefined) return { path: step.prefix + node.name, node };
      this.#way.pop();
    }
    return null;
  }

  async #descend({ tree, prefix }: { readonly tree: BlobId; readonly prefix: string }): Promise<void> {
    this.#entering = null;
    const above = this.#way.at(-1);
    if (above !== undefined) this.#readAhead(above);
    const reading = above?.ahead.get(tree) ?? readTree(this.#repository, tree);
    above?.ahead.delete(tree);
    const nodes = await reading;
    if (this.#way.length === MOST_TREE_DEPTH) {
      throw new IntegrityError(
        `Refusing to walk tree ${this.#root}: it has directories more than ${MOST_TREE_DEPTH} deep`,
      );
    }
    this.#way.push({ prefix, nodes, next: 0, ahead: new Map() });
  }

  #readAhead({ nodes, next, ahead }: Step): void {
    for (let at = next; at < nodes.length && at < next + TREES_AHEAD && ahead.size < TREES_AHEAD; at++) {
      const { type, subtree } = nodes[at]!;
      if (type !== "dir" || subtree === null || ahead.has(subtree) || !this.#isSmall(subtree)) continue;
      const reading = readTree(this.#repository, subtree);
      reading.catch(() => {}); // Thrown when the walk comes to it.
      ahead.set(subtree, reading);
    }
  }

  #isSmall(tree: BlobId): boolean {
    const place = this.#repository.index.locate("tree", decodeHex(tree));
    return place !== undefined && plaintextLength(place) <= MOST_BYTES_AHEAD;
  }
}
