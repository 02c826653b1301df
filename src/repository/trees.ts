/** Trees: directory listings as blobs, read and walked. */
import { IntegrityError } from "../base/errors.ts";
import { decodeHex } from "../base/hex.ts";
import type { BlobId } from "../base/id.ts";
import type { Node } from "../format/node.ts";
import { decodeTree } from "../format/tree.ts";
import { readBlob } from "./blob_reader.ts";
import type { IndexedRepository } from "./repository.ts";

/** The nodes of a tree, sorted by name. Throws `IntegrityError`. */
export async function readTree(repository: IndexedRepository, id: BlobId): Promise<readonly Node[]> {
  return decodeTree(await readBlob(repository, "tree", decodeHex(id)), `tree ${id}`);
}

/** The node at a path below a tree, or undefined where there is none. `path` has no leading slash. */
export async function findNode(repository: IndexedRepository, root: BlobId, path: string): Promise<Node | undefined> {
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

/** Every node below a tree that is no directory, depth first in the order of names. */
export async function* walkFiles(repository: IndexedRepository, root: BlobId, prefix = ""): AsyncGenerator<WalkedFile> {
  for (const node of await readTree(repository, root)) {
    const path = prefix + node.name;
    if (node.type === "dir") yield* walkFiles(repository, subtreeOf(node), `${path}/`);
    else yield { path, node };
  }
}

/** The tree of a directory node. Throws `IntegrityError` where it names none. */
export function subtreeOf(node: Node): BlobId {
  if (node.subtree === null) {
    throw new IntegrityError(`Damaged tree: the directory "${node.name}" names no subtree`);
  }
  return node.subtree;
}
