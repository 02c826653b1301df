/** Lists the entries of a tree that an engine backed up, each directory before what it holds. */
import { IntegrityError } from "../../base/errors.ts";
import type { BlobId } from "../../base/id.ts";
import type { EntryProperties } from "../../engine/engine.ts";
import { MOST_TREE_DEPTH } from "../../format/bounds.ts";
import { FILE_MODE_0644 } from "../../format/tree/file_mode.ts";
import type { Node } from "../../format/tree/node.ts";
import type { IndexedRepository } from "../../repository/repository.ts";
import { findNode, readTree, subtreeOf } from "../../repository/tree/trees.ts";
import type { BackupFile } from "./contents.ts";

/** An entry of a backed up tree. */
interface WalkedEntry {
  /** Below the root of the walk, as a byte string. */
  readonly path: string;
  readonly properties: EntryProperties;
  /** The file that the manifest lists here; null for everything but files. */
  readonly file: BackupFile | null;
}

/** What is walked. */
interface EntryWalk {
  /** The directory whose entries are wanted, from the root of the snapshot. */
  readonly root: string;
  /** The files that the manifest lists there, by path from the root of the snapshot. */
  readonly listed: ReadonlyMap<string, BackupFile>;
}

/**
 * The entries below a directory in the order of the trees. Throws `IntegrityError` if the tree holds a file that the
 * manifest does not list, lacks one that it lists, or is nested too deeply.
 */
export async function* walkEntries(
  repository: IndexedRepository<"tree">,
  tree: BlobId,
  { root, listed }: EntryWalk,
): AsyncGenerator<WalkedEntry> {
  const node = await findNode(repository, tree, root);
  if (node?.type !== "dir") throw new IntegrityError(`Damaged tree ${tree}: it holds no directory "${root}"`);
  let files = 0;
  const walk = async function* (directory: Node, path: string, depth: number): AsyncGenerator<WalkedEntry> {
    if (depth > MOST_TREE_DEPTH) throw new IntegrityError(`Refusing to walk tree ${tree}: it is nested too deeply`);
    for (const child of await readTree(repository, subtreeOf(directory))) {
      const own = path === "" ? child.name : `${path}/${child.name}`;
      const file = listed.get(`${root}/${own}`) ?? null;
      if (file === null && child.type === "file") {
        throw new IntegrityError(`Damaged tree ${tree}: the manifest does not list "${root}/${own}"`);
      }
      if (file !== null) files++;
      yield { path: own, properties: propertiesOf(child, file), file };
      if (file === null && child.type === "dir") yield* walk(child, own, depth + 1);
    }
  };
  yield* walk(node, "", 0);
  if (files < listed.size) {
    throw new IntegrityError(`Damaged tree ${tree}: it lacks ${listed.size - files} files that the manifest lists`);
  }
}

/** Everything but name and content. A long file is a directory of parts, which does not have the file's properties. */
function propertiesOf(node: Node, file: BackupFile | null): EntryProperties {
  const { name: _name, size: _size, content: _content, subtree: _subtree, ...properties } = node;
  return file !== null && node.type === "dir" ? { ...properties, type: "file", mode: FILE_MODE_0644 } : properties;
}
