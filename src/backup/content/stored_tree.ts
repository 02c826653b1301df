/** The tree of an earlier backup as an engine asks for it: directory by directory, read when it is first wanted. */
import { IntegrityError } from "../../base/errors.ts";
import { type BlobId, ID_BYTES } from "../../base/id.ts";
import type { EarlierTree } from "../../engine/engine.ts";
import type { Node } from "../../format/tree/node.ts";
import type { IndexedRepository } from "../../repository/repository.ts";
import { readTree, subtreeOf } from "../../repository/tree/trees.ts";

type Directory = ReadonlyMap<string, Node> | null;

/** What a tree is read with. */
interface StoredTreeOptions {
  readonly repository: IndexedRepository<"tree">;
  /** The tree whose entries are those of the path "". */
  readonly root: BlobId;
  /** Whether the repository holds a data blob; its id is in `ids` at `offset`. */
  readonly hasData: (ids: Uint8Array, offset: number) => boolean;
  /** Called once, with the first damage. */
  readonly onDamage: (error: IntegrityError) => void;
}

/** Nodes that are kept of directories that were read: a node takes about a kilobyte. */
const MOST_KEPT_NODES = 20_000;
const MOST_KEPT_DIRECTORIES = 64;
/** So many are kept even if they are large: a walk goes back and forth between a directory and those above it. */
const LEAST_KEPT_DIRECTORIES = 8;

/** Reads each directory once, as long as the walk stays near it. */
export class StoredTree implements EarlierTree {
  readonly #options: StoredTreeOptions;
  /** The directories that were asked for, the last one asked for last. */
  readonly #kept = new Map<string, { readonly directory: Promise<Directory>; nodes: number }>();
  #keptNodes = 0;
  #isDamaged = false;

  constructor(options: StoredTreeOptions) {
    this.#options = options;
  }

  /** As in `EarlierTree`. Throws what the store throws. */
  children(path: string): Promise<Directory> {
    const kept = this.#kept.get(path) ?? { directory: this.#read(path), nodes: 0 };
    const isFirst = !this.#kept.delete(path);
    this.#kept.set(path, kept);
    if (isFirst) {
      kept.directory.then((directory) => {
        kept.nodes = directory?.size ?? 0;
        this.#keptNodes += kept.nodes;
        this.#dropOldest();
      }, () => this.#kept.delete(path));
    }
    return kept.directory;
  }

  /** Whether the repository holds every chunk of a content list. */
  holds(content: Uint8Array): boolean {
    for (let at = 0; at < content.length; at += ID_BYTES) if (!this.#options.hasData(content, at)) return false;
    return true;
  }

  async #read(path: string): Promise<Directory> {
    try {
      const tree = await this.#treeAt(path);
      if (tree === null) return null;
      const nodes = await readTree(this.#options.repository, tree);
      const usable = nodes.filter(({ type, content }) => type !== "file" || content !== null && this.holds(content));
      return new Map(usable.map((node) => [node.name, node]));
    } catch (error) {
      if (!(error instanceof IntegrityError)) throw error;
      if (!this.#isDamaged) this.#options.onDamage(error);
      this.#isDamaged = true;
      return null;
    }
  }

  async #treeAt(path: string): Promise<BlobId | null> {
    if (path === "") return this.#options.root;
    const slash = path.lastIndexOf("/");
    const above = await this.children(path.slice(0, Math.max(slash, 0)));
    const node = above?.get(path.slice(slash + 1));
    return node?.type === "dir" ? subtreeOf(node) : null;
  }

  #dropOldest(): void {
    for (const [path, { nodes }] of this.#kept) {
      const { size } = this.#kept;
      const isTooMuch = size > MOST_KEPT_DIRECTORIES || this.#keptNodes > MOST_KEPT_NODES;
      if (!isTooMuch || size <= LEAST_KEPT_DIRECTORIES) return;
      this.#kept.delete(path);
      this.#keptNodes -= nodes;
    }
  }
}
