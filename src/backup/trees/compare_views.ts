/**
 * Compares what two backups hold, entry by entry. Equal trees are passed over by their ids. Memory: the directories on
 * the way.
 */
import { equalBytes } from "../../base/bytes.ts";
import { compareByteStrings } from "../../format/byte_string.ts";
import type { BlobId } from "../../base/id.ts";
import type { Node } from "../../format/tree/node.ts";
import { timestampToNanoseconds } from "../../format/time.ts";
import { assertNotTooDeep } from "../../repository/tree/entry_walk.ts";
import { TreeReader } from "../../repository/tree/tree_reader.ts";
import type { IndexedRepository } from "../../repository/repository.ts";
import { subtreeOf } from "../../repository/tree/trees.ts";
import { nodeInView, type TreeView } from "./tree_view.ts";

/**
 * How an entry differs, in restic's letters: it is only in B (`+`) or only in A (`-`), it has another type (`T`), other
 * content (`M`), or the same content with other metadata (`U`).
 */
export type Modifier = "+" | "-" | "T" | "M" | "U";

/** An entry that differs. */
export interface EntryDifference {
  /** Its absolute path, as a byte string (`byte_string.ts`). */
  readonly path: string;
  /** How it differs. */
  readonly modifier: Modifier;
  /** What A holds; null if nothing. */
  readonly a: Node | null;
  /** What B holds; null if nothing. */
  readonly b: Node | null;
}

/** What is compared. */
interface ViewPair {
  readonly a: TreeView;
  readonly b: TreeView;
  /** Whether entries are listed of which only the metadata differ. */
  readonly metadata: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** Two directories at one path, of which either may be absent, and how far they were compared. */
interface Step {
  readonly prefix: string;
  readonly a: readonly Node[];
  readonly b: readonly Node[];
  nextA: number;
  nextB: number;
}

/**
 * The entries that differ, in the order of their paths, each directory before what it holds. What lies in a directory
 * that only one backup has is listed, too. Throws `IntegrityError` if a tree is damaged or nested too deeply.
 */
export async function* compareViews(
  repository: IndexedRepository<"tree">,
  { a, b, metadata, signal }: ViewPair,
): AsyncGenerator<EntryDifference> {
  await using reader = new TreeReader(repository, signal);
  const enter = async (prefix: string, trees: { a: BlobId | null; b: BlobId | null }): Promise<Step> => ({
    prefix,
    a: trees.a === null ? [] : await reader.read(trees.a),
    b: trees.b === null ? [] : await reader.read(trees.b),
    nextA: 0,
    nextB: 0,
  });
  const way = a.root === b.root && a.streams.size === b.streams.size
    ? []
    : [await enter("/", { a: a.root, b: b.root })];
  for (let step = way.at(-1); step !== undefined; step = way.at(-1)) {
    const { a: storedA, b: storedB } = takeNext(step);
    const stored = storedA ?? storedB;
    if (stored === null) {
      way.pop();
      continue;
    }
    const path = step.prefix + stored.name;
    const nodeA = storedA && nodeInView(a, path, storedA);
    const nodeB = storedB && nodeInView(b, path, storedB);
    const modifier = modifierOf(nodeA, nodeB, metadata);
    if (modifier !== null) yield { path, modifier, a: nodeA, b: nodeB };
    const trees = { a: treeOf(nodeA), b: treeOf(nodeB) };
    if (trees.a === trees.b) continue;
    assertNotTooDeep(way.length, (trees.a === null ? b : a).root);
    readAhead(reader, step);
    way.push(await enter(`${path}/`, trees));
  }
}

/** The next name of either directory, with its nodes; both are null at the end. */
function takeNext(step: Step): { readonly a: Node | null; readonly b: Node | null } {
  const a = step.a[step.nextA] ?? null;
  const b = step.b[step.nextB] ?? null;
  const order = a === null ? 1 : b === null ? -1 : compareByteStrings(a.name, b.name);
  if (a !== null && order <= 0) step.nextA++;
  if (b !== null && order >= 0) step.nextB++;
  return { a: order <= 0 ? a : null, b: order >= 0 ? b : null };
}

/** How many nodes behind the current ones are compared. */
const NODES_AHEAD = 64;

/** Trees that both directories have are not read, so they are not read ahead either. */
function readAhead(reader: TreeReader, { a, b, nextA, nextB }: Step): void {
  const inA = treesAmong(a, nextA);
  const inB = treesAmong(b, nextB);
  reader.readSubtreesAhead(a, nextA, ({ subtree }) => !inB.has(subtree));
  reader.readSubtreesAhead(b, nextB, ({ subtree }) => !inA.has(subtree));
}

function treesAmong(nodes: readonly Node[], next: number): ReadonlySet<BlobId | null> {
  return new Set(nodes.slice(next, next + NODES_AHEAD).map(({ subtree }) => subtree));
}

function treeOf(node: Node | null): BlobId | null {
  return node?.type === "dir" ? subtreeOf(node) : null;
}

function modifierOf(a: Node | null, b: Node | null, metadata: boolean): Modifier | null {
  if (a === null) return "+";
  if (b === null) return "-";
  if (a.type !== b.type) return "T";
  if (!haveSameContent(a, b)) return "M";
  return metadata && !haveSameMetadata(a, b) ? "U" : null;
}

/** The content of a link is its target, that of a device its number. Directories are compared entry by entry. */
function haveSameContent(a: Node, b: Node): boolean {
  switch (a.type) {
    case "file":
      return a.size === b.size && equalBytes(a.content, b.content);
    case "symlink":
      return a.linkTarget === b.linkTarget;
    case "dev":
    case "chardev":
      return a.device === b.device;
    default:
      return true;
  }
}

/** Whether a restore would give them the same metadata. Numbers of inodes, links and ctime are no part of it. */
function haveSameMetadata(a: Node, b: Node): boolean {
  return a.mode === b.mode && a.uid === b.uid && a.gid === b.gid && a.user === b.user && a.group === b.group &&
    (a.mtime === b.mtime || timestampToNanoseconds(a.mtime) === timestampToNanoseconds(b.mtime)) &&
    haveSameAttributes(a, b);
}

function haveSameAttributes(a: Node, b: Node): boolean {
  const values = new Map(a.extendedAttributes.map(({ name, value }) => [name, value]));
  return a.extendedAttributes.length === b.extendedAttributes.length &&
    b.extendedAttributes.every(({ name, value }) => {
      const other = values.get(name);
      return other !== undefined && equalBytes(other, value);
    }) && a.genericAttributes.size === b.genericAttributes.size &&
    [...a.genericAttributes].every(([name, value]) => b.genericAttributes.get(name) === value);
}
