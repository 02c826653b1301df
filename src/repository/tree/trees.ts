/** Trees: directory listings as blobs, read and walked. */
import { IntegrityError } from "../../base/errors.ts";
import { Turn } from "../../base/concurrency.ts";
import { decodeHex } from "../../base/hex.ts";
import type { BlobId } from "../../base/id.ts";
import { MOST_TREE_DEPTH } from "../../format/limits.ts";
import type { Node } from "../../format/tree/node.ts";
import { plaintextLength } from "../../format/pack_header.ts";
import { decodeTree } from "../../format/tree/tree.ts";
import { readBlob } from "../pack/blob_reader.ts";
import type { IndexedRepository } from "../repository.ts";

/** Trees of more bytes are read one after the other: as nodes such a one takes several times its text. */
const LARGE_TREE_BYTES = 4 * 1024 * 1024;
const largeTrees = new Turn();

/** The nodes of a tree, sorted by name. Throws `IntegrityError`. */
export async function readTree(repository: IndexedRepository<"tree">, id: BlobId): Promise<readonly Node[]> {
  const bytes = decodeHex(id);
  const place = repository.index.locate("tree", bytes);
  const read = async () => decodeTree(await readBlob(repository, "tree", bytes), `tree ${id}`);
  const isLarge = place !== undefined && plaintextLength(place) > LARGE_TREE_BYTES;
  return await (isLarge ? largeTrees.take(read) : read());
}

/** The node at a path below a tree, or undefined where there is none. `path` has no leading slash. */
export async function findNode(
  repository: IndexedRepository<"tree">,
  root: BlobId,
  path: string,
): Promise<Node | undefined> {
  const names = path.split("/");
  let tree = root;
  for (const [depth, name] of names.entries()) {
    const node = (await readTree(repository, tree)).find((candidate) => candidate.name === name);
    if (node === undefined || depth === names.length - 1) return node;
    if (node.type !== "dir") return undefined;
    tree = subtreeOf(node);
  }
  return undefined;
}

/** A file found by `walkFiles`. */
export interface WalkedFile {
  /** Without a leading slash. */
  readonly path: string;
  readonly node: Node;
}

/** How much of a backup without a manifest is listed: a small tree may stand for any number of files. */
const MOST_WALKED_NODES = 200_000;
/** Nodes of the trees that a walk keeps because it may meet them again. */
const KEPT_NODES = 20_000;

/** A directory on the way of a walk, and how far the walk is in it. */
interface WalkStep {
  readonly prefix: string;
  readonly depth: number;
  readonly nodes: readonly Node[];
  next: number;
}

/**
 * Every node below a tree that is no directory, depth first in the order of the trees. Throws `IntegrityError` where trees
 * lie too deep in each other, or stand for more than 200,000 files and directories.
 */
export async function* walkFiles(repository: IndexedRepository<"tree">, root: BlobId): AsyncGenerator<WalkedFile> {
  const trees = new KeptTrees(repository);
  const way: WalkStep[] = [{ prefix: "", depth: 1, nodes: await trees.read(root), next: 0 }];
  let walked = 0;
  for (let step = way.at(-1); step !== undefined; step = way.at(-1)) {
    const node = step.nodes[step.next++];
    // What the walk is through with need not stay in memory.
    if (step.next >= step.nodes.length) way.pop();
    if (node === undefined) continue;
    if (++walked > MOST_WALKED_NODES) throw refusal(root, `stands for more than ${MOST_WALKED_NODES} files`);
    const path = step.prefix + node.name;
    if (node.type !== "dir") yield { path, node };
    else {
      if (step.depth === MOST_TREE_DEPTH) throw refusal(root, `has directories more than ${MOST_TREE_DEPTH} deep`);
      way.push({ prefix: `${path}/`, depth: step.depth + 1, nodes: await trees.read(subtreeOf(node)), next: 0 });
    }
  }
}

function refusal(root: BlobId, problem: string): IntegrityError {
  return new IntegrityError(`Refusing to walk tree ${root}: it ${problem}`);
}

/** Keeps the last small trees: a walk may meet one a hundred thousand times. */
class KeptTrees {
  readonly #repository: IndexedRepository<"tree">;
  readonly #kept = new Map<BlobId, readonly Node[]>();
  #keptNodes = 0;

  constructor(repository: IndexedRepository<"tree">) {
    this.#repository = repository;
  }

  async read(id: BlobId): Promise<readonly Node[]> {
    const kept = this.#kept.get(id);
    if (kept !== undefined) return kept;
    const nodes = await readTree(this.#repository, id);
    this.#kept.set(id, nodes);
    this.#keptNodes += nodes.length + 1;
    for (const [oldest, { length }] of this.#kept) {
      if (this.#keptNodes <= KEPT_NODES) break;
      this.#kept.delete(oldest);
      this.#keptNodes -= length + 1;
    }
    return nodes;
  }
}

/** The tree of a directory node. Throws `IntegrityError` where it names none. */
export function subtreeOf(node: Node): BlobId {
  if (node.subtree === null) {
    throw new IntegrityError(`Damaged tree: the directory "${node.name}" names no subtree`);
  }
  return node.subtree;
}
