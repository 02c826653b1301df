/** Trees: directory listings as blobs. */
import { IntegrityError } from "../../base/errors.ts";
import { Turn } from "../../base/limits.ts";
import { decodeHex } from "../../base/hex.ts";
import type { BlobId } from "../../base/id.ts";
import type { Node } from "../../format/tree/node.ts";
import { plaintextLength } from "../../format/pack_header.ts";
import { decodeTree } from "../../format/tree/tree.ts";
import { readBlob } from "../pack/pack_reader.ts";
import type { IndexedRepository } from "../repository.ts";
import { TreeTexts } from "./tree_texts.ts";

/** Larger trees are read one at a time: as nodes, a tree takes several times the memory of its text. */
const LARGE_TREE_BYTES = 4 * 1024 * 1024;
const largeTrees = new Turn();

/** How a tree is read. */
interface TreeReading {
  /** Gets the verified text before it is decoded. */
  readonly onText?: ((text: Uint8Array) => Promise<void>) | undefined;
  /** Reads the text; by default the tree is read on its own. */
  readonly texts?: TreeTexts;
}

/** The nodes of a tree, sorted by name. Throws `IntegrityError`, and what `onText` throws. */
export async function readTree(
  repository: IndexedRepository<"tree">,
  id: BlobId,
  { onText, texts }: TreeReading = {},
): Promise<readonly Node[]> {
  const bytes = decodeHex(id);
  const place = repository.index.locate("tree", bytes);
  const read = async () => {
    const text = await (texts === undefined ? readBlob(repository, "tree", bytes) : texts.read(id));
    await onText?.(text);
    return decodeTree(text, `tree ${id}`);
  };
  const isLarge = place !== undefined && plaintextLength(place) > LARGE_TREE_BYTES;
  return await (isLarge ? largeTrees.take(read) : read());
}

/**
 * The node at a path in a tree; undefined if there is none. `path` has no leading slash. `texts` keeps what was read on
 * the way for whoever goes on from there.
 */
export async function findNode(
  repository: IndexedRepository<"tree">,
  root: BlobId,
  path: string,
  texts = TreeTexts.alongPath(repository),
): Promise<Node | undefined> {
  const names = path.split("/");
  let tree = root;
  for (const [depth, name] of names.entries()) {
    const node = (await readTree(repository, tree, { texts })).find((candidate) => candidate.name === name);
    if (node === undefined || depth === names.length - 1) return node;
    if (node.type !== "dir") return undefined;
    tree = subtreeOf(node);
  }
  return undefined;
}

/** The path in a tree that a user means: `/etc/`, `etc` and `./etc` are the same. Empty for the root. */
export function pathInTree(written: string): string {
  return written.split("/").filter((name) => name !== "" && name !== ".").join("/");
}

/** The tree of a directory node. Throws `IntegrityError` if the node names none. */
export function subtreeOf(node: Pick<Node, "name" | "subtree">): BlobId {
  if (node.subtree === null) {
    throw new IntegrityError(`Damaged tree: the directory "${node.name}" names no subtree`);
  }
  return node.subtree;
}
