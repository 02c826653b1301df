/** Lists the files in a tree by path. A few trees may expand to very many files. */
import { IntegrityError } from "../../base/errors.ts";
import type { BlobId } from "../../base/id.ts";
import { MOST_TREE_DEPTH } from "../../format/bounds.ts";
import type { Node } from "../../format/tree/node.ts";
import type { IndexedRepository } from "../repository.ts";
import { subtreeOf } from "./trees.ts";
import { TreeNumbers, walkTrees } from "./tree_walk.ts";

/** A file, or anything else but a directory, found by `walkFiles`. */
interface WalkedFile extends Pick<Node, "type" | "size" | "content"> {
  /** Without a leading slash. */
  readonly path: string;
}

/** The most that is listed of a backup without a manifest: a small tree may expand to any number of files. */
const MOST_WALKED_NODES = 200_000;

/** The fields of a node that listing needs; the whole node is several times as large. */
type Entry = Pick<Node, "name" | "type" | "size" | "content" | "subtree">;

/**
 * Every node in a tree but directories, depth first, in the order of the trees. Throws `IntegrityError` if trees are
 * nested too deeply, or expand to more than 200,000 files and directories.
 */
export async function* walkFiles(repository: IndexedRepository<"tree">, root: BlobId): AsyncGenerator<WalkedFile> {
  yield* pathsOf(root, await readAll(repository, root));
}

/** The entries of the root and of every tree below it. */
async function readAll(repository: IndexedRepository<"tree">, root: BlobId): Promise<Map<BlobId, readonly Entry[]>> {
  const trees = new Map<BlobId, readonly Entry[]>();
  let count = 0;
  await walkTrees([{ tree: root }], {
    repository,
    met: new TreeNumbers(),
    atOnce: 1, // So that no other tree is read together with one that is refused.
    read: (nodes) => {
      count += nodes.length;
      if (count > MOST_WALKED_NODES) throw tooMany(root);
      return nodes.map(({ name, type, size, content, subtree }): Entry => ({ name, type, size, content, subtree }));
    },
    unreadable: (error) => {
      throw error;
    },
    take: (entries, { tree }) => {
      trees.set(tree, entries);
      return entries.filter(isDirectory).map((node) => ({ tree: subtreeOf(node) }));
    },
    tooDeep: {
      mostDepth: MOST_TREE_DEPTH,
      refuse: () => {
        throw refusal(root, `has directories more than ${MOST_TREE_DEPTH} deep`);
      },
    },
  });
  return trees;
}

/** A directory on the current path, and the entry to list next. */
interface Step {
  readonly prefix: string;
  readonly entries: readonly Entry[];
  next: number;
}

function* pathsOf(root: BlobId, trees: ReadonlyMap<BlobId, readonly Entry[]>): Generator<WalkedFile> {
  const way: Step[] = [{ prefix: "", entries: trees.get(root)!, next: 0 }];
  let walked = 0;
  for (let step = way.at(-1); step !== undefined; step = way.at(-1)) {
    const entry = step.entries[step.next++];
    if (entry === undefined) {
      way.pop();
      continue;
    }
    if (++walked > MOST_WALKED_NODES) throw tooMany(root);
    const path = step.prefix + entry.name;
    if (isDirectory(entry)) way.push({ prefix: `${path}/`, entries: trees.get(subtreeOf(entry))!, next: 0 });
    else yield { path, type: entry.type, size: entry.size, content: entry.content };
  }
}

function isDirectory({ type }: Entry): boolean {
  return type === "dir";
}

function tooMany(root: BlobId): IntegrityError {
  return refusal(root, `expands to more than ${MOST_WALKED_NODES} files`);
}

function refusal(root: BlobId, problem: string): IntegrityError {
  return new IntegrityError(`Refusing to walk tree ${root}: it ${problem}`);
}
