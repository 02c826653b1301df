/** Walks over what a backup holds, depth first, each directory before what it holds. Memory: the directories on the way. */
import { IntegrityError, UsageError } from "../../base/errors.ts";
import { didYouMean } from "../../base/text/nearest_name.ts";
import { MOST_TREE_DEPTH } from "../../format/bounds.ts";
import type { Node } from "../../format/tree/node.ts";
import type { TreeReader } from "../../repository/tree/tree_reader.ts";
import { subtreeOf } from "../../repository/tree/trees.ts";
import { nodeInView, type TreeView } from "./tree_view.ts";

/** An entry of a backup. */
export interface ViewedEntry {
  /** Its absolute path, as a byte string (`byte_string.ts`). */
  readonly path: string;
  /** What the backup holds there. */
  readonly node: Node;
}

/** A directory on the current path, and the entry that comes next. */
interface Step {
  readonly prefix: string;
  readonly nodes: readonly Node[];
  next: number;
}

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
  const way: Step[] = [{ prefix: `${directory?.path ?? ""}/`, nodes: await reader.read(top), next: 0 }];
  for (let step = way.at(-1); step !== undefined; step = way.at(-1)) {
    const stored = step.nodes[step.next++];
    if (stored === undefined) {
      way.pop();
      continue;
    }
    const path = step.prefix + stored.name;
    const node = nodeInView(view, path, stored);
    yield { path, node };
    if (!isRecursive || node.type !== "dir") continue;
    assertNotTooDeep(way.length, view);
    readSubtreesAhead(reader, step.nodes, step.next);
    way.push({ prefix: `${path}/`, nodes: await reader.read(subtreeOf(node)), next: 0 });
  }
}

/** How many nodes behind the current one are looked at for directories. */
const NODES_AHEAD = 64;

/** Begins to read the directories among the nodes from `next` on. */
export function readSubtreesAhead(reader: TreeReader, nodes: readonly Node[], next: number): void {
  const ahead = nodes.slice(next, next + NODES_AHEAD);
  reader.readAhead(ahead.flatMap(({ type, subtree }) => type === "dir" && subtree !== null ? [subtree] : []));
}

/** Throws `IntegrityError` for a directory this many levels below the root. */
export function assertNotTooDeep(depth: number, { root }: Pick<TreeView, "root">): void {
  if (depth < MOST_TREE_DEPTH) return;
  throw new IntegrityError(`Refusing to walk tree ${root}: it has directories more than ${MOST_TREE_DEPTH} deep`);
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
      const meant = didYouMean(own, nodes.map((node) => `${above}/${node.name}`));
      throw new UsageError(`There is no "${own}" in that backup${meant || `; "agent files" lists what there is`}`);
    }
    found = { path: own, node: nodeInView(view, own, stored) };
  }
  return found;
}

function namesOf(path: string): string[] {
  const names = path.split("/").filter((name) => name !== "" && name !== ".");
  if (names.includes("..")) throw new UsageError(`Not a path in a backup: "${path}": write it without ".."`);
  return names;
}

function notADirectory({ path, node: { type, linkTarget } }: ViewedEntry): UsageError {
  const what = type === "symlink" ? `a symbolic link to "${linkTarget}"` : "no directory";
  return new UsageError(`"${path}" is ${what} in that backup, so nothing lies below it`);
}
