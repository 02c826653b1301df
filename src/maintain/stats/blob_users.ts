/**
 * Finds out who uses each blob: one series, several, or backups that were not asked about. Walks all trees that
 * snapshots reach. A tree is read once, and again only if it turns out later that others use it, too.
 *
 * Memory: four bytes for each blob, eight more for each tree, and the ids of the trees of one level.
 */
import { IntegrityError } from "../../base/errors.ts";
import { decodeHex, encodeHex } from "../../base/hex.ts";
import { type BlobId, ID_BYTES } from "../../base/id.ts";
import type { MemoryBudget } from "../../base/memory_budget.ts";
import type { BlobType } from "../../format/blob.ts";
import type { WalkedNode } from "../../format/tree/node.ts";
import type { Repository } from "../../repository/repository.ts";
import { type MetTrees, type TreeVisit, walkTreesFrom } from "../../repository/tree/tree_walk.ts";
import { withDecodedTrees } from "../check/decoded_trees.ts";
import type { PruneIndex } from "../prune/prune_index.ts";
import { subtreesOf, treesOf } from "../prune/prune_mark.ts";

/**
 * Who uses a blob. Numbers from 1 to `MOST_SERIES` are the series that were asked about, of which the blob belongs to
 * one alone.
 */
export type BlobUser = number;

/** No backup uses it. */
export const NOBODY: BlobUser = 0;
/** Only backups that were not asked about use it. */
export const OTHERS: BlobUser = 0xffff_fffd;
/** Several of the series use it, and no other backup. */
export const AMONG: BlobUser = 0xffff_fffe;
/** Series and other backups use it. */
export const ACROSS: BlobUser = 0xffff_ffff;

/** The users of a blob that both `a` and `b` use. */
export function joinUsers(a: BlobUser, b: BlobUser): BlobUser {
  if (a === b || b === NOBODY) return a;
  if (a === NOBODY) return b;
  return a === ACROSS || b === ACROSS || a === OTHERS || b === OTHERS ? ACROSS : AMONG;
}

/** The users of all blobs, by their entries in a `PruneIndex`. */
export type BlobUsers = Readonly<Record<BlobType, Uint32Array>>;

/** The root tree of a snapshot, and its user. */
interface UsedRoot {
  readonly tree: BlobId;
  readonly user: BlobUser;
}

/** What `findUsers` needs. */
interface FindUsersRequest {
  readonly repository: Repository;
  readonly index: PruneIndex;
  /** Whether a pack exists in its full size. Trees are read only from such packs. */
  readonly isWhole: (pack: number) => boolean;
  readonly roots: readonly UsedRoot[];
  /** Called with the nodes of each tree, perhaps several times with the same. */
  readonly onTree: (tree: BlobId, nodes: readonly WalkedNode[]) => void;
  readonly budget: MemoryBudget;
  readonly signal: AbortSignal;
  /** Called with the number of trees read so far, and the most there can be. */
  readonly onProgress: (done: number, total: number) => void;
}

/** Finds all users. Throws `IntegrityError` if a tree cannot be read, or names a blob that no index lists. */
export async function findUsers(request: FindUsersRequest): Promise<BlobUsers> {
  const { repository, index, isWhole, roots, onTree, budget, signal, onProgress } = request;
  const users = new UserMarks(index);
  for (const { tree, user } of roots) users.addTree(tree, user);
  const trees = { ...repository, index: treesOf(index, isWhole) };
  await withDecodedTrees(
    { repository: trees, budget, signal, keep: true },
    (source) =>
      walkTreesFrom<TreeVisit, Found, WalkedNode>(source, roots, {
        repository: trees,
        signal,
        met: users,
        read: (nodes, { tree }) => {
          onTree(tree, nodes);
          const user = users.startReading(tree);
          for (const { type, content } of nodes) {
            if (type !== "dir" && content !== null) users.addContent(content, user);
          }
          return { subtrees: subtreesOf(nodes), user };
        },
        unreadable: (error) => {
          throw error;
        },
        take: ({ subtrees, user }) => {
          for (const tree of subtrees) users.addTree(tree, user);
          return subtrees.map((tree) => ({ tree }));
        },
        onProgress: (done) => onProgress(Math.min(done, index.ids.tree.size), index.ids.tree.size),
      }),
  );
  return users.users;
}

/** What was found in a tree, and its users at that time. */
interface Found {
  readonly subtrees: readonly BlobId[];
  readonly user: BlobUser;
}

/** The users found so far. To the walk, a tree is new whenever its users are others than when it was read. */
class UserMarks implements MetTrees {
  readonly users: BlobUsers;
  readonly #index: PruneIndex;
  /** The users of each tree when it was read. */
  readonly #readAs: Uint32Array;
  /** Whether the walk is going to read a tree. */
  readonly #isWaiting: Uint8Array;
  #visits = 0;

  constructor(index: PruneIndex) {
    const { data, tree } = index.ids;
    this.#index = index;
    this.users = { data: new Uint32Array(data.size), tree: new Uint32Array(tree.size) };
    this.#readAs = new Uint32Array(tree.size);
    this.#isWaiting = new Uint8Array(tree.size);
  }

  get size(): number {
    return this.#visits;
  }

  add(tree: BlobId): void {
    const entry = this.#entryOf("tree", decodeHex(tree), 0);
    if (this.#isWaiting[entry] === 1 || this.#readAs[entry] === this.users.tree[entry]) return;
    this.#isWaiting[entry] = 1;
    this.#visits++;
  }

  addTree(tree: BlobId, user: BlobUser): void {
    this.#join("tree", this.#entryOf("tree", decodeHex(tree), 0), user);
  }

  /** Notes that a tree is being read, and returns its users. */
  startReading(tree: BlobId): BlobUser {
    const entry = this.#entryOf("tree", decodeHex(tree), 0);
    this.#isWaiting[entry] = 0;
    return this.#readAs[entry] = this.users.tree[entry]!;
  }

  addContent(content: Uint8Array, user: BlobUser): void {
    for (let at = 0; at < content.length; at += ID_BYTES) this.#join("data", this.#entryOf("data", content, at), user);
  }

  #join(type: BlobType, entry: number, user: BlobUser): void {
    const users = this.users[type];
    users[entry] = joinUsers(users[entry]!, user);
  }

  #entryOf(type: BlobType, ids: Uint8Array, offset: number): number {
    const entry = this.#index.ids[type].find(ids, offset);
    if (entry >= 0) return entry;
    const id = encodeHex(ids, offset, ID_BYTES);
    throw new IntegrityError(`Missing ${type} blob ${id}: a backup needs it and no index lists it`);
  }
}
