/**
 * Copies the tree of a backup with everything below it, as far as the other repository lacks it. A tree that the other
 * repository has says nothing about what is below: a copy that broke off leaves trees whose blobs it lacks. So every
 * tree is read, though only once, and in the other repository if it is there.
 */
import { IntegrityError } from "../../base/errors.ts";
import { decodeHex } from "../../base/hex.ts";
import { type BlobId, ID_BYTES } from "../../base/id.ts";
import { IdTable } from "../../base/id_table.ts";
import { Turn } from "../../base/limits.ts";
import { MOST_TREE_DEPTH } from "../../format/bounds.ts";
import type { Node } from "../../format/tree/node.ts";
import type { IndexedRepository } from "../../repository/repository.ts";
import { type MetTrees, walkTreesFrom } from "../../repository/tree/tree_walk.ts";
import { readTree, subtreeOf } from "../../repository/tree/trees.ts";
import { type CopyTarget, TargetFailure } from "./copy_target.ts";
import { WantedBlobs } from "./wanted_blobs.ts";

/** So many blobs are read together, in the order of the packs: more than a gigabyte of a dump. */
const MOST_WANTED = 1 << 17;

/** What copying trees needs. */
interface TreeCopyTools {
  readonly source: IndexedRepository;
  /** The repository that takes the copy, with the places of the trees that it had at the beginning. */
  readonly other: IndexedRepository<"tree">;
  readonly target: CopyTarget;
  readonly signal: AbortSignal;
  /** The size from which wanted blobs are copied; by default some 130,000 blobs. */
  readonly mostWanted?: number | undefined;
}

/** Copies trees, one after the other. Memory: some 43 bytes for each distinct tree. */
export class TreeCopier {
  readonly #tools: TreeCopyTools;
  /** Trees of which everything was copied or found. */
  readonly #whole = new IdTable();
  readonly #turn = new Turn();

  constructor(tools: TreeCopyTools) {
    this.#tools = tools;
  }

  /**
   * Copies a tree. Throws `IntegrityError` if something in it is damaged or missing, what the source throws, and the
   * signal's reason; `TargetFailure` if the target failed.
   */
  async copy(root: BlobId): Promise<void> {
    const { source, signal } = this.#tools;
    const met = new TreesBesides(this.#whole);
    const wanted = new WantedList(source.index, this.#tools);
    await walkTreesFrom({ load: (tree) => this.#load(tree) }, [{ tree: root }], {
      repository: source,
      signal,
      met,
      read: async (nodes) => {
        for (const { type, content } of nodes) {
          if (type === "dir" || content === null) continue;
          await source.index.lookUp?.(content);
          wanted.add(content);
        }
        if (wanted.isFull) await wanted.copy(this.#turn);
        return subtreesOf(nodes);
      },
      unreadable: (error) => {
        throw error;
      },
      take: (subtrees) => subtrees.map((tree) => ({ tree })),
      tooDeep: {
        mostDepth: MOST_TREE_DEPTH,
        refuse: () => {
          throw new IntegrityError(`Refusing tree ${root}: it has directories more than ${MOST_TREE_DEPTH} deep`);
        },
      },
    });
    await wanted.copy(this.#turn);
    met.forEachOwn((id) => this.#whole.add(id));
  }

  async #load(tree: BlobId): Promise<readonly Node[]> {
    const { source, other, target } = this.#tools;
    const id = decodeHex(tree);
    if (other.index.locate("tree", id) !== undefined) return await this.#loadFromOther(tree);
    const isKnown = target.has("tree", id);
    const readBytes = source.index.locate("tree", id)?.length ?? 0;
    return await readTree(source, tree, isKnown ? {} : { onText: (text) => target.addTree(text, readBytes) });
  }

  /** Reads a tree in the other repository, or in the source if it is damaged there: that is for a check to find. */
  async #loadFromOther(tree: BlobId): Promise<readonly Node[]> {
    const { source, other, signal } = this.#tools;
    try {
      return await readTree(other, tree);
    } catch (error) {
      if (signal.aborted || !(error instanceof IntegrityError)) throw new TargetFailure(error);
      return await readTree(source, tree);
    }
  }
}

/** The data blobs that a tree needs and the target lacks, in lists that are copied when they are long. */
class WantedList {
  readonly #index: IndexedRepository["index"];
  readonly #tools: TreeCopyTools;
  #filling: WantedBlobs;
  readonly #waiting = new Set<WantedBlobs>();

  constructor(index: IndexedRepository["index"], tools: TreeCopyTools) {
    this.#index = index;
    this.#tools = tools;
    this.#filling = new WantedBlobs(index);
  }

  get isFull(): boolean {
    return this.#filling.size >= (this.#tools.mostWanted ?? MOST_WANTED);
  }

  /** Adds the blobs of a content list, 32 bytes an id. Throws `IntegrityError` if no index of the source lists one. */
  add(content: Uint8Array): void {
    for (let at = 0; at < content.length; at += ID_BYTES) {
      if (!this.#isCared(content, at)) this.#filling.add(content, at);
    }
  }

  /** Whether the target has the blob or gets it already. */
  #isCared(content: Uint8Array, at: number): boolean {
    if (this.#tools.target.has("data", content, at) || this.#filling.has(content, at)) return true;
    for (const blobs of this.#waiting) if (blobs.has(content, at)) return true;
    return false;
  }

  /** Copies what was added so far, once it is this list's turn. */
  async copy(turn: Turn): Promise<void> {
    const blobs = this.#filling;
    this.#filling = new WantedBlobs(this.#index);
    this.#waiting.add(blobs);
    try {
      await turn.take(() => this.#tools.target.addData(blobs));
    } finally {
      this.#waiting.delete(blobs);
    }
  }
}

/** The trees that one walk meets, besides those that are known to be whole. */
class TreesBesides implements MetTrees {
  readonly #whole: IdTable;
  readonly #own = new IdTable();

  constructor(whole: IdTable) {
    this.#whole = whole;
  }

  get size(): number {
    return this.#own.size;
  }

  add(tree: BlobId): void {
    const id = decodeHex(tree);
    if (this.#whole.find(id) < 0) this.#own.add(id);
  }

  forEachOwn(visit: (id: Uint8Array) => void): void {
    const id = new Uint8Array(ID_BYTES);
    for (let entry = 0; entry < this.#own.size; entry++) {
      this.#own.copyId(entry, id);
      visit(id);
    }
  }
}

/** The distinct subtrees of a tree. Throws `IntegrityError` for a directory without a tree. */
function subtreesOf(nodes: readonly Node[]): BlobId[] {
  return [...new Set(nodes.filter(({ type }) => type === "dir").map(subtreeOf))];
}
