/** The tree of an earlier backup as an engine asks for it: directory by directory, read when it is first wanted. */
import { IntegrityError } from "../../base/errors.ts";
import { type BlobId, ID_BYTES } from "../../base/id.ts";
import type { EarlierDirectory, EarlierTree, FoundHeads, StoredRun } from "../../engine/engine.ts";
import { type StoredEntry, TreeCursor } from "../../format/tree/tree_cursor.ts";
import type { IndexedRepository } from "../../repository/repository.ts";
import { TreeTexts } from "../../repository/tree/tree_texts.ts";
import { subtreeOf } from "../../repository/tree/trees.ts";

/** What a tree is read with. */
interface StoredTreeOptions {
  readonly repository: IndexedRepository<"tree">;
  /** The tree of the top. */
  readonly root: BlobId;
  /** Whether the repository holds a data blob; its id is in `ids` at `offset`. */
  readonly hasData: (ids: Uint8Array, offset: number) => boolean;
  /** Called once, with the first damage. */
  readonly onDamage: (error: IntegrityError) => void;
}

/** Whether a repository holds every chunk of a content list. `hasData` is as in `StoredTreeOptions`. */
export function holdsAll(hasData: StoredTreeOptions["hasData"], content: Uint8Array): boolean {
  for (let at = 0; at < content.length; at += ID_BYTES) if (!hasData(content, at)) return false;
  return true;
}

/** Texts of trees that are kept: whoever follows a walk asks for each tree soon after the walk did. */
const MOST_KEPT_BYTES = 4 * 1024 * 1024;
/** So many are kept even if they are large. */
const LEAST_KEPT_TREES = 2;

/** Reads each tree once, as long as those who ask for it stay near each other. */
export class StoredTree implements EarlierTree {
  readonly #options: StoredTreeOptions;
  readonly #texts: TreeTexts;
  /** The texts of the trees that were asked for, the last one asked for last. */
  readonly #kept = new Map<BlobId, { readonly text: Promise<Uint8Array>; bytes: number }>();
  #keptBytes = 0;
  #isDamaged = false;

  constructor(options: StoredTreeOptions) {
    this.#options = options;
    this.#texts = new TreeTexts(options.repository);
  }

  /** As in `EarlierTree`. Throws what the store throws. */
  top(): Promise<StoredDirectory | null> {
    return this.directoryOf(this.#options.root);
  }

  /** The directory of a tree, to be asked from its first name on. Throws what the store throws. */
  async directoryOf(tree: BlobId): Promise<StoredDirectory | null> {
    try {
      return new StoredDirectory(this, tree, new TreeCursor(await this.#text(tree), `tree ${tree}`));
    } catch (error) {
      this.tellDamage(error);
      return null;
    }
  }

  /** Whether the repository holds every chunk of a content list. */
  holds(content: Uint8Array): boolean {
    return holdsAll(this.#options.hasData, content);
  }

  /** Whether the repository holds a chunk. */
  readonly holdsChunk = (id: Uint8Array): boolean => this.#options.hasData(id, 0);

  /** Throws what is no damage. */
  tellDamage(error: unknown): void {
    if (!(error instanceof IntegrityError)) throw error;
    if (!this.#isDamaged) this.#options.onDamage(error);
    this.#isDamaged = true;
  }

  #text(tree: BlobId): Promise<Uint8Array> {
    const kept = this.#kept.get(tree) ?? { text: this.#texts.read(tree), bytes: 0 };
    const isFirst = !this.#kept.delete(tree);
    this.#kept.set(tree, kept);
    if (isFirst) {
      kept.text.then((text) => {
        if (this.#kept.get(tree) !== kept) return;
        kept.bytes = text.length;
        this.#keptBytes += text.length;
        this.#dropOldest();
      }, () => this.#kept.delete(tree));
    }
    return kept.text;
  }

  #dropOldest(): void {
    for (const [tree, { bytes }] of this.#kept) {
      if (this.#keptBytes <= MOST_KEPT_BYTES || this.#kept.size <= LEAST_KEPT_TREES) return;
      this.#kept.delete(tree);
      this.#keptBytes -= bytes;
    }
  }
}

/** A directory of a stored tree. */
export class StoredDirectory implements EarlierDirectory {
  readonly #tree: StoredTree;
  readonly #id: BlobId;
  readonly #cursor: TreeCursor;

  /** `StoredTree` makes it. */
  constructor(tree: StoredTree, id: BlobId, cursor: TreeCursor) {
    this.#tree = tree;
    this.#id = id;
    this.#cursor = cursor;
  }

  sameRun(name: string, found: FoundHeads): StoredRun | null {
    try {
      const run = this.#cursor.sameRun(name, found, this.#tree.holdsChunk);
      return run && { ...run, tree: this.#id };
    } catch (error) {
      return this.#tellDamage(error) ?? null;
    }
  }

  /** Goes on behind a run of entries, if they are of this directory. */
  passOver(run: StoredRun): void {
    if (run.tree === this.#id) this.#cursor.passOver(run);
  }

  find(name: string, head: Uint8Array): StoredEntry | undefined {
    try {
      const entry = this.#cursor.find(name, head);
      return entry === undefined || entry.content === null || this.#tree.holds(entry.content) ? entry : undefined;
    } catch (error) {
      return this.#tellDamage(error);
    }
  }

  /** Whether the entry of a name has this head, content and tree; undefined if there is none. */
  hasSame(name: string, head: Uint8Array, listed: Pick<StoredEntry, "content" | "subtree">): boolean | undefined {
    try {
      return this.#cursor.isSame(name, head, listed);
    } catch (error) {
      return this.#tellDamage(error);
    }
  }

  async below(name: string): Promise<StoredDirectory | null> {
    const tree = this.#treeOf(name);
    return tree === undefined ? null : await this.#tree.directoryOf(tree);
  }

  #treeOf(name: string): BlobId | undefined {
    try {
      const node = this.#cursor.find(name, null)?.node;
      return node?.type === "dir" ? subtreeOf(node) : undefined;
    } catch (error) {
      return this.#tellDamage(error);
    }
  }

  /** What is damaged is as if it were not there. */
  #tellDamage(error: unknown): undefined {
    this.#tree.tellDamage(error);
  }
}
