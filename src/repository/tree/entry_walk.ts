/** Walks over the entries of a tree one by one, each directory before what it holds. Memory: the directories on the way. */
import { IntegrityError } from "../../base/errors.ts";
import type { BlobId } from "../../base/id.ts";
import { MOST_TREE_DEPTH } from "../../format/bounds.ts";
import type { Node } from "../../format/tree/node.ts";
import type { TreeReader } from "./tree_reader.ts";
import { subtreeOf } from "./trees.ts";

/** A node and its path. */
export interface FoundNode {
  /** From the root of the walk, as a byte string (`byte_string.ts`). */
  readonly path: string;
  /** What the tree holds there. */
  readonly node: Node;
}

/** A directory on the current path. */
interface Step {
  readonly prefix: string;
  readonly nodes: readonly Node[];
  next: number;
}

/** Walks over a tree, depth first. A directory's entries follow if it is entered. */
export class EntryWalk {
  readonly #reader: TreeReader;
  readonly #root: BlobId;
  readonly #way: Step[] = [];
  #entering: { readonly tree: BlobId; readonly prefix: string } | null;

  /** `root`: the tree to begin with. `prefix`: what the paths of its entries begin with. */
  constructor(reader: TreeReader, root: BlobId, prefix = "") {
    this.#reader = reader;
    this.#root = root;
    this.#entering = { tree: root, prefix };
  }

  /** Makes the entries of a directory, which `next` has just returned, the next ones. */
  enter({ path, node }: FoundNode): void {
    this.#entering = { tree: subtreeOf(node), prefix: `${path}/` };
  }

  /** The next node, if it is one of the directory of the last one, so that nothing must be read; otherwise null. */
  nextBeside(): FoundNode | null {
    const step = this.#entering === null ? this.#way.at(-1) : undefined;
    const node = step?.nodes[step.next];
    if (step === undefined || node === undefined) return null;
    step.next++;
    return { path: step.prefix + node.name, node };
  }

  /**
   * The next node, or null at the end. Throws `IntegrityError` if the tree of the directory that was entered cannot be
   * read; the next call goes on behind that directory.
   */
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
    assertNotTooDeep(this.#way.length, this.#root);
    const above = this.#way.at(-1);
    if (above !== undefined) this.#reader.readSubtreesAhead(above.nodes, above.next);
    this.#way.push({ prefix, nodes: await this.#reader.read(tree), next: 0 });
  }
}

/** Throws `IntegrityError` for a directory this many levels below the root of a walk. */
export function assertNotTooDeep(depth: number, root: BlobId): void {
  if (depth < MOST_TREE_DEPTH) return;
  throw new IntegrityError(`Refusing to walk tree ${root}: it has directories more than ${MOST_TREE_DEPTH} deep`);
}
