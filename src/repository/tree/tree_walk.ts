/**
 * The walk over trees: level by level over all roots together, so that a store far away is asked for several trees at a
 * time, and each distinct tree is read once.
 *
 * Memory: the visits of one level and what was found of a few trees, besides what the taker keeps.
 */
import { mapConcurrently } from "../../base/concurrency.ts";
import { decodeHex } from "../../base/hex.ts";
import type { BlobId } from "../../base/id.ts";
import { IdTable } from "../../base/id_table.ts";
import type { Node } from "../../format/tree/node.ts";
import type { IndexedRepository } from "../repository.ts";
import { readTree } from "./trees.ts";

/** A tree to be visited, and what else the walk's owner wants to know of it. */
export interface TreeVisit {
  readonly tree: BlobId;
}

/** The trees that a walk has met. */
export interface MetTrees {
  /** How many there are. */
  readonly size: number;
  /** Adds a tree unless it was met before: only then the size grows. */
  add(tree: BlobId): unknown;
}

/** The trees of a walk by number, from 0 in the order they are met. Memory: some 43 bytes a tree. */
export class TreeNumbers implements MetTrees {
  readonly #ids = new IdTable();

  get size(): number {
    return this.#ids.size;
  }

  /** Gives the tree's number. */
  add(tree: BlobId): number {
    return this.#ids.add(decodeHex(tree));
  }

  /** The number of a tree, or -1. */
  find(tree: BlobId): number {
    return this.#ids.find(decodeHex(tree));
  }
}

/** How to walk. What `read` and `unreadable` give of a tree is handed to `take`. */
interface TreeWalk<Visit extends TreeVisit, Found> {
  readonly repository: IndexedRepository<"tree">;
  readonly signal?: AbortSignal | undefined;
  readonly met: MetTrees;
  /** How many trees are read at a time; as many as the store has connections, up to 8, by default. */
  readonly atOnce?: number;
  /** Looks at the nodes of a tree; several trees are read at a time, and this is called in any order. */
  readonly read: (nodes: readonly Node[], visit: Visit) => Found;
  /** Told why a tree cannot be read: throws, or gives what stands for it. */
  readonly unreadable: (error: unknown, visit: Visit) => Found | Promise<Found>;
  /**
   * Takes what was found, in the order in which the trees were met, so that the outcome is always the same; gives the trees
   * below, of which those that were not met before are visited next.
   */
  readonly take: (found: Found, visit: Visit) => Iterable<Visit>;
  /** Told of each tree and one below it, both of which are met by then. */
  readonly onLink?: (above: Visit, below: Visit) => void;
  /** Told of trees that lie `mostDepth` directories deep, none of which is read; what is above was taken. */
  readonly tooDeep?: { readonly mostDepth: number; readonly refuse: (visits: readonly Visit[]) => void };
  /** Called with how many trees were read. */
  readonly onProgress?: (done: number) => void;
}

/** Content lists are megabytes of text each, so a store's many connections are not all of use here. */
const MOST_TREES_AT_ONCE = 8;
/** What was found of so many trees waits for its turn at most. */
const TREES_IN_TURN = 4 * MOST_TREES_AT_ONCE;

/** Walks all trees below the roots. Throws what the walk's functions throw, and the signal's reason. */
export async function walkTrees<Visit extends TreeVisit, Found>(
  roots: Iterable<Visit>,
  walk: TreeWalk<Visit, Found>,
): Promise<void> {
  const { repository: { store }, signal, met, take, onLink, tooDeep, onProgress } = walk;
  const atOnce = walk.atOnce ?? Math.min(store.connections, MOST_TREES_AT_ONCE);
  let done = 0;
  let level: Visit[] = [];
  for (const root of roots) meet(root, met, level);
  for (let depth = 0; level.length > 0; depth++) {
    if (depth === tooDeep?.mostDepth) return tooDeep.refuse(level);
    const next: Visit[] = [];
    for (let start = 0; start < level.length; start += TREES_IN_TURN) {
      const visits = level.slice(start, start + TREES_IN_TURN);
      const found = await mapConcurrently(visits, atOnce, async (visit) => {
        signal?.throwIfAborted();
        const found = await findAt(visit, walk);
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

async function findAt<Visit extends TreeVisit, Found>(visit: Visit, walk: TreeWalk<Visit, Found>): Promise<Found> {
  let nodes: readonly Node[];
  try {
    nodes = await readTree(walk.repository, visit.tree);
  } catch (error) {
    return await walk.unreadable(error, visit);
  }
  return walk.read(nodes, visit);
}

/** Puts off the visit of a tree that is met for the first time to the next level. */
function meet<Visit extends TreeVisit>(visit: Visit, met: MetTrees, next: Visit[]): void {
  const known = met.size;
  met.add(visit.tree);
  if (met.size > known) next.push(visit);
}
