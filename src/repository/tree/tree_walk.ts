/**
 * Walks over trees, level by level over all roots together, so that several trees can be requested from a distant store
 * at once. Each distinct tree is read once.
 *
 * Memory: the visits of one level and the results of a few trees, besides what `take` keeps.
 */
import { mapConcurrently } from "../../base/concurrency.ts";
import { decodeHex } from "../../base/hex.ts";
import type { BlobId } from "../../base/id.ts";
import { IdTable } from "../../base/id_table.ts";
import type { Node, WalkedNode } from "../../format/tree/node.ts";
import type { IndexedRepository } from "../repository.ts";
import { readTree } from "./trees.ts";

/** A tree to visit; the caller adds what it needs to know about it. */
export interface TreeVisit {
  readonly tree: BlobId;
}

/** The trees that a walk has met. */
export interface MetTrees {
  /** How many there are. */
  readonly size: number;
  /** Adds a tree; the size grows only if it was not met before. */
  add(tree: BlobId): unknown;
}

/** Numbers the trees of a walk from 0, in the order in which they are met. Memory: some 43 bytes a tree. */
export class TreeNumbers implements MetTrees {
  readonly #ids = new IdTable();

  get size(): number {
    return this.#ids.size;
  }

  /** Returns the tree's number. */
  add(tree: BlobId): number {
    return this.#ids.add(decodeHex(tree));
  }

  /** The number of a tree, or -1 if it was not met. */
  find(tree: BlobId): number {
    return this.#ids.find(decodeHex(tree));
  }
}

/** Where a walk reads trees. */
export interface TreeSource<Entry extends WalkedNode> {
  /** Called with the trees of a level, in the order in which they will be loaded, before the first of them is. */
  expect?(trees: Iterable<BlobId>): void;
  /** The nodes of a tree. */
  load(tree: BlobId): Promise<readonly Entry[]>;
  /** Called when a tree that was to be loaded is not needed any more: it was examined, or could not be. */
  release?(tree: BlobId): void;
}

/** How to walk. `take` receives the results of `read` and `unreadable`. */
interface TreeWalk<Visit extends TreeVisit, Found, Entry extends WalkedNode = Node> {
  readonly repository: IndexedRepository<"tree">;
  readonly signal?: AbortSignal | undefined;
  readonly met: MetTrees;
  /** How many trees are read at once; by default as many as the store has connections, up to 8. */
  readonly atOnce?: number;
  /**
   * Examines the nodes of a tree, which are valid until it returns. Several trees are read at once, so this is called in
   * any order.
   */
  readonly read: (nodes: readonly Entry[], visit: Visit) => Found | Promise<Found>;
  /** Receives the reason why a tree cannot be read; throws, or returns a substitute. */
  readonly unreadable: (error: unknown, visit: Visit) => Found | Promise<Found>;
  /**
   * Receives the results in the order in which the trees were met, so that the outcome is always the same. Returns the
   * trees below; those that were not met before are visited next.
   */
  readonly take: (found: Found, visit: Visit) => Iterable<Visit>;
  /** Called for each tree and each tree directly below it, once both have been met. */
  readonly onLink?: (above: Visit, below: Visit) => void;
  /**
   * Called with the trees that are `mostDepth` directories deep. None of them is read; `take` has received those above.
   */
  readonly tooDeep?: { readonly mostDepth: number; readonly refuse: (visits: readonly Visit[]) => void };
  /** Called with the number of trees read so far. */
  readonly onProgress?: (done: number) => void;
}

/** A content list is megabytes of text, so more trees at once would cost too much memory. */
const MOST_TREES_AT_ONCE = 8;
/** The most trees whose results may wait for their turn. */
const TREES_IN_TURN = 4 * MOST_TREES_AT_ONCE;

/**
 * Walks over all trees below the roots, and reads each on its own. Throws what the walk's functions throw, and the
 * signal's reason.
 */
export function walkTrees<Visit extends TreeVisit, Found>(
  roots: Iterable<Visit>,
  walk: TreeWalk<Visit, Found>,
): Promise<void> {
  return walkTreesFrom({ load: (tree) => readTree(walk.repository, tree) }, roots, walk);
}

/** Walks as `walkTrees` does over trees that `source` reads. */
export async function walkTreesFrom<Visit extends TreeVisit, Found, Entry extends WalkedNode>(
  source: TreeSource<Entry>,
  roots: Iterable<Visit>,
  walk: TreeWalk<Visit, Found, Entry>,
): Promise<void> {
  const { repository: { store }, signal, met, take, onLink, tooDeep, onProgress } = walk;
  const atOnce = walk.atOnce ?? Math.min(store.connections, MOST_TREES_AT_ONCE);
  let done = 0;
  let level: Visit[] = [];
  for (const root of roots) meet(root, met, level);
  for (let depth = 0; level.length > 0; depth++) {
    if (depth === tooDeep?.mostDepth) return tooDeep.refuse(level);
    const next: Visit[] = [];
    source.expect?.(level.values().map(({ tree }) => tree));
    for (let start = 0; start < level.length; start += TREES_IN_TURN) {
      const visits = level.slice(start, start + TREES_IN_TURN);
      const found = await mapConcurrently(visits, atOnce, async (visit) => {
        signal?.throwIfAborted();
        const found = await findAt(source, visit, walk);
        onProgress?.(++done);
        return found;
      });
      for (const [i, visit] of visits.entries()) {
        for (const below of take(found[i]!, visit)) {
          meet(below, met, next);
          onLink?.(visit, below);
        }
      }
    }
    level = next;
  }
}

async function findAt<Visit extends TreeVisit, Found, Entry extends WalkedNode>(
  source: TreeSource<Entry>,
  visit: Visit,
  { read, unreadable }: Pick<TreeWalk<Visit, Found, Entry>, "read" | "unreadable">,
): Promise<Found> {
  try {
    let nodes: readonly Entry[];
    try {
      nodes = await source.load(visit.tree);
    } catch (error) {
      return await unreadable(error, visit);
    }
    return await read(nodes, visit);
  } finally {
    source.release?.(visit.tree);
  }
}

/** Adds a tree that is met for the first time to the next level. */
function meet<Visit extends TreeVisit>(visit: Visit, met: MetTrees, next: Visit[]): void {
  const known = met.size;
  met.add(visit.tree);
  if (met.size > known) next.push(visit);
}
