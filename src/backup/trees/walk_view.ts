/** Walks over what a backup holds, depth first, each directory before what it holds. Memory: the directories on the way. */
import { UsageError } from "../../base/errors.ts";
import { didYouMean } from "../../base/text/nearest_name.ts";
import { hasWildcards } from "../../base/text/wildcards.ts";
import { quoteByteString } from "../../format/byte_string.ts";
import type { Node } from "../../format/tree/node.ts";
import { EntryWalk, type FoundNode } from "../../repository/tree/entry_walk.ts";
import type { TreeReader } from "../../repository/tree/tree_reader.ts";
import { subtreeOf } from "../../repository/tree/trees.ts";
import { nodeInView, type TreeView } from "./tree_view.ts";

/** An entry of a backup. Its path is absolute. */
export type ViewedEntry = FoundNode;

/**
 * The entries of a directory, and those below them if `isRecursive`. Throws `IntegrityError` if a tree is damaged or
 * nested too deeply.
 */
export async function* walkView(
  reader: TreeReader,
  view: TreeView,
  { directory, isRecursive }: { readonly directory: ViewedEntry | null; readonly isRecursive: boolean },
): AsyncGenerator<ViewedEntry> {
  const top = directory === null ? view.root : subtreeOf(directory.node);
  const walk = new EntryWalk(reader, top, `${directory?.path ?? ""}/`);
  for (let found = await walk.next(); found !== null; found = await walk.next()) {
    const entry = { path: found.path, node: nodeInView(view, found.path, found.node) };
    yield entry;
    if (isRecursive && entry.node.type === "dir") walk.enter(entry);
  }
}

/**
 * The entry at a path, or null for the root. A slash at the beginning or the end changes nothing. Throws `UsageError`
 * with the most similar name if there is none.
 */
export async function findInView(reader: TreeReader, view: TreeView, path: string): Promise<ViewedEntry | null> {
  let found: ViewedEntry | null = null;
  for (const name of namesOf(path)) {
    const above: string = found?.path ?? "";
    if (found !== null && found.node.type !== "dir") throw notADirectory(found);
    const nodes: readonly Node[] = await reader.read(found === null ? view.root : subtreeOf(found.node));
    const stored = nodes.find((node) => node.name === name);
    const own: string = `${above}/${name}`;
    if (stored === undefined) {
      const meant = hasWildcards(name)
        ? '; "agent find" takes patterns'
        : didYouMean(own, nodes.map((node) => `${above}/${node.name}`));
      throw new UsageError(`There is no "${own}" in that backup${meant || `; "agent files" lists what there is`}`);
    }
    found = { path: own, node: nodeInView(view, own, stored) };
  }
  return found;
}

function namesOf(path: string): string[] {
  const names = path.split("/").filter((name) => name !== "" && name !== ".");
  if (names.includes("..")) {
    throw new UsageError(`Not a path in a backup: ${quoteByteString(path)}: write it without ".."`);
  }
  return names;
}

function notADirectory({ path, node: { type, linkTarget } }: ViewedEntry): UsageError {
  const what = type === "symlink" ? `a symbolic link to "${linkTarget}"` : "no directory";
  return new UsageError(`${quoteByteString(path)} is ${what} in that backup, so nothing lies below it`);
}
