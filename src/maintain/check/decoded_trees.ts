/**
 * Reads the trees of a walk ahead of it: neighbours in one read, which other threads open, verify and decode while this
 * one examines those before. A tree that cannot be had so is read on its own, which tells what is wrong with it and
 * tries its further copies.
 *
 * Memory: the sealed bytes and content lists of trees with `MOST_BYTES_AHEAD` of text, or of a single larger one.
 */
import { checkThreads } from "../../backup/buffers.ts";
import { freeBuffer } from "../../base/bytes.ts";
import { mapConcurrently } from "../../base/concurrency.ts";
import { IntegrityError, StoreError } from "../../base/errors.ts";
import { decodeHex } from "../../base/hex.ts";
import type { BlobId } from "../../base/id.ts";
import type { MemoryBudget } from "../../base/memory_budget.ts";
import { blobSizeProblem } from "../../format/bounds.ts";
import { plaintextLength } from "../../format/pack_header.ts";
import type { WalkedNode } from "../../format/tree/node.ts";
import { type PipelineThreads, startThreads } from "../../pipeline/threads.ts";
import { nodesOfTrees, type TreesPart } from "../../pipeline/trees/read_trees.ts";
import type { BlobPlace } from "../../repository/index/place_list.ts";
import { GAP_BYTES, planRanges } from "../../repository/pack/pack_ranges.ts";
import { readRange } from "../../repository/pack/pack_reader.ts";
import type { IndexedRepository } from "../../repository/repository.ts";
import type { TreeSource } from "../../repository/tree/tree_walk.ts";
import { readTree } from "../../repository/tree/trees.ts";

/** The text of the trees that are opened with one call, in bytes, unless a single one has more. */
const GROUP_BYTES = 1024 * 1024;
/** The most trees that are opened with one call. */
const GROUP_TREES = 64;
/** The text of all trees that are read ahead, in bytes. */
const MOST_BYTES_AHEAD = 6 * GROUP_BYTES;
/** Larger trees are not read ahead, but one at a time. */
const LARGEST_BYTES = 16 * 1024 * 1024;

/** A tree to be read ahead. */
interface ExpectedTree extends BlobPlace {
  readonly id: BlobId;
}

/** What reading trees ahead needs. */
interface DecodedTreesOptions {
  readonly repository: IndexedRepository<"tree">;
  readonly budget: MemoryBudget;
  readonly signal: AbortSignal;
  /** Whether each tree is read on its own, so that a cache finds it again; false by default. */
  readonly keep?: boolean;
}

/** Calls `walk` with a source of trees that is read ahead by threads. They have ended when this returns or throws. */
export async function withDecodedTrees(
  options: DecodedTreesOptions,
  walk: (source: TreeSource<WalkedNode>) => Promise<void>,
): Promise<void> {
  // Few trees are opened in this thread: the start of another one takes longer.
  const needed = Promise.withResolvers<void>().promise;
  using starting = startThreads(checkThreads(options.budget), { digest: false, needed, opensHere: true });
  const threads = await starting.configure(options.repository.keys, "off");
  await using source = new DecodedTrees(options, threads);
  await walk(source);
}

/** Trees that are read ahead. */
class DecodedTrees implements TreeSource<WalkedNode>, AsyncDisposable {
  readonly #options: DecodedTreesOptions;
  readonly #threads: PipelineThreads;
  readonly #groups = new Map<BlobId, Group>();
  /** Trees of the level that the walk has come to before there was room to begin their group; it leaves them out. */
  readonly #alone = new Set<BlobId>();
  readonly #running = new Set<Promise<unknown>>();
  #expected: Iterator<readonly ExpectedTree[]> = [].values();
  /** The group that is begun when there is room. */
  #next: readonly ExpectedTree[] | undefined;
  #bytesAhead = 0;
  #isOver = false;

  constructor(options: DecodedTreesOptions, threads: PipelineThreads) {
    this.#options = options;
    this.#threads = threads;
  }

  expect(trees: Iterable<BlobId>): void {
    this.#expected = this.#grouped(trees);
    this.#next = undefined;
    this.#alone.clear();
    this.#fill();
  }

  async load(tree: BlobId): Promise<readonly WalkedNode[]> {
    const group = this.#groups.get(tree);
    if (group === undefined) this.#alone.add(tree);
    return await group?.nodesOf(tree) ?? await readTree(this.#options.repository, tree);
  }

  release(tree: BlobId): void {
    const group = this.#groups.get(tree);
    if (group === undefined) return;
    this.#groups.delete(tree);
    if (!group.release()) return;
    this.#bytesAhead -= group.bytes;
    this.#fill();
  }

  /** Waits until nothing is read any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    await Promise.allSettled(this.#running);
  }

  /** Begins to read groups while there is room. */
  #fill(): void {
    while (!this.#isOver) {
      this.#next ??= this.#expected.next().value;
      if (this.#next === undefined) return;
      const trees = this.#next.filter(({ id }) => !this.#alone.has(id));
      const bytes = textBytes(trees);
      if (this.#bytesAhead > 0 && this.#bytesAhead + bytes > MOST_BYTES_AHEAD) return;
      this.#next = undefined;
      if (trees.length > 0) this.#begin(trees, bytes);
    }
  }

  #begin(trees: readonly ExpectedTree[], bytes: number): void {
    this.#bytesAhead += bytes;
    const opening = this.#open(trees);
    const group = new Group(opening, trees.length, bytes);
    for (const { id } of trees) this.#groups.set(id, group);
    const running = opening.catch(() => {}).finally(() => this.#running.delete(running)); // `load` throws it.
    this.#running.add(running);
  }

  /** The trees that are read ahead, in groups. Trees that no index lists, or that are too large, are left out. */
  *#grouped(trees: Iterable<BlobId>): Generator<readonly ExpectedTree[], undefined> {
    const { index } = this.#options.repository;
    let group: ExpectedTree[] = [];
    let bytes = 0;
    for (const id of trees) {
      const place = index.locate("tree", decodeHex(id));
      if (place === undefined || blobSizeProblem({ ...place, type: "tree" }) !== null) continue;
      const more = plaintextLength(place);
      if (more > LARGEST_BYTES) continue;
      if (group.length === GROUP_TREES || bytes > 0 && bytes + more > GROUP_BYTES) {
        yield group;
        group = [];
        bytes = 0;
      }
      group.push({ ...place, id });
      bytes += more;
    }
    if (group.length > 0) yield group;
  }

  /** Reads and opens a group. Trees that cannot be read or opened are missing in the answer. */
  async #open(group: readonly ExpectedTree[]): Promise<OpenedGroup> {
    const { store } = this.#options.repository;
    const read = await mapConcurrently(this.#ranges(group), store.connections, (range) => this.#read(range));
    const parts = read.filter((part) => part !== null);
    const opened = await this.#threads.readTrees({ parts });
    const ids = parts.flatMap(({ trees }) => trees.map(({ id }) => id));
    const nodes = new Map(nodesOfTrees(opened).map((nodes, i) => [ids[i]!, nodes]));
    return { nodes, contents: opened.contents };
  }

  *#ranges(group: readonly ExpectedTree[]): Generator<PlannedTrees> {
    for (const [pack, trees] of Map.groupBy(group, ({ pack }) => pack)) {
      const byOffset = trees.toSorted((a, b) => a.offset - b.offset);
      const limits = this.#options.keep ? ALONE : { gapBytes: GAP_BYTES, mostBytes: GROUP_BYTES };
      for (const range of planRanges(byOffset, limits)) yield { ...range, pack };
    }
  }

  /** Reads a range; null if it cannot be read. */
  async #read({ pack: number, offset, length, blobs }: PlannedTrees): Promise<TreesPart | null> {
    const { repository: { index, store }, signal, keep = false } = this.#options;
    const pack = index.packId(number);
    try {
      const bytes = await readRange(store, { pack, offset, length }, `trees in pack ${pack}`, { signal, keep });
      const trees = blobs.map((tree) => {
        return {
          id: tree.id,
          offset: tree.offset - offset,
          length: tree.length,
          uncompressedLength: tree.uncompressedLength,
        };
      });
      return { bytes, trees };
    } catch (error) {
      // The rest of the range may be readable.
      if (!signal.aborted && (error instanceof IntegrityError || error instanceof StoreError)) return null;
      throw error;
    }
  }
}

/** A range of a pack and the trees in it. */
interface PlannedTrees {
  /** The pack's number in the index. */
  readonly pack: number;
  readonly offset: number;
  readonly length: number;
  readonly blobs: readonly ExpectedTree[];
}

/** Limits for ranges of one blob each. */
const ALONE = { gapBytes: 0, mostBytes: 0 };

/** The nodes of the trees of a group, null for those that are damaged, and the memory of their content lists. */
interface OpenedGroup {
  readonly nodes: ReadonlyMap<BlobId, readonly WalkedNode[] | null>;
  readonly contents: Uint8Array<ArrayBuffer>;
}

/** Trees that are opened together. */
class Group {
  /** The length of their texts. */
  readonly bytes: number;
  readonly #opening: Promise<OpenedGroup>;
  #unreleased: number;

  constructor(opening: Promise<OpenedGroup>, trees: number, bytes: number) {
    this.#opening = opening;
    this.#unreleased = trees;
    this.bytes = bytes;
  }

  /** Null if the tree could not be read or opened. */
  async nodesOf(tree: BlobId): Promise<readonly WalkedNode[] | null> {
    return (await this.#opening).nodes.get(tree) ?? null;
  }

  /** Says that one of the trees is not needed any more; returns whether it was the last. Their memory is freed then. */
  release(): boolean {
    if (--this.#unreleased > 0) return false;
    this.#opening.then(({ contents }) => freeBuffer(contents), () => {}); // `load` throws it.
    return true;
  }
}

function textBytes(trees: readonly ExpectedTree[]): number {
  return trees.reduce((sum, tree) => sum + plaintextLength(tree), 0);
}
