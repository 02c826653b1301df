/** Which entries of a tree are restored. */
import { IntegrityError, UsageError } from "../../../base/errors.ts";
import type { BlobId } from "../../../base/id.ts";
import { didYouMean } from "../../../base/text/nearest_name.ts";
import { hasWildcards } from "../../../base/text/wildcards.ts";
import { quoteByteString } from "../../../format/byte_string.ts";
import type { Node } from "../../../format/tree/node.ts";
import type { IndexedRepository } from "../../../repository/repository.ts";
import { EntryWalk } from "../../../repository/tree/entry_walk.ts";
import { TreeReader } from "../../../repository/tree/tree_reader.ts";
import { readTree, subtreeOf } from "../../../repository/tree/trees.ts";
import { shownPath } from "./entry.ts";

/** Judges entries. Paths are byte strings below the root of the tree, without a slash at either end. */
export interface RestoreFilter {
  /**
   * Whether an entry is restored, or is a directory that may lead to something that is ("way"), or is passed over with
   * everything below it.
   */
  judge(path: string, isDirectory: boolean): "restore" | "way" | "skip";
}

/** A filter by paths: each of them, and all below it. No paths at all mean everything. `next` may pass over more. */
export function filterByPaths(paths: readonly string[], next: RestoreFilter | null): RestoreFilter {
  return {
    judge(path, isDirectory) {
      const isMeant = paths.length === 0 || paths.some((wanted) => path === wanted || path.startsWith(`${wanted}/`));
      if (isMeant) return next?.judge(path, isDirectory) ?? "restore";
      const isWay = isDirectory && paths.some((wanted) => wanted.startsWith(`${path}/`));
      return isWay ? "way" : "skip";
    },
  };
}

/** Throws `UsageError`, with the most similar name that is there, for a path that the tree does not hold. */
export async function assertHolds(
  repository: IndexedRepository<"tree">,
  root: BlobId,
  paths: readonly string[],
): Promise<void> {
  for (const path of paths) {
    let tree: BlobId | null = root;
    const way: string[] = [];
    for (const name of path.split("/")) {
      const nodes: readonly Node[] = tree === null ? [] : await readTree(repository, tree);
      const node = nodes.find((candidate) => candidate.name === name);
      if (node === undefined) throw new UsageError(unknownPath(path, way, name, nodes));
      way.push(name);
      tree = node.type === "dir" ? subtreeOf(node) : null;
    }
  }
}

/** How many names are remembered of which one may be meant. */
const MOST_NAMES = 10_000;

/**
 * Throws `UsageError`, with the most similar name that is there, if a filter selects nothing in a tree. `patterns` are
 * those that say what it selects. A tree that is damaged counts as one that holds something, which a restore then names.
 */
export async function assertSelects(
  repository: IndexedRepository<"tree">,
  { root, filter, patterns }: { root: BlobId; filter: RestoreFilter; patterns: readonly string[] },
): Promise<void> {
  const names = new Set<string>();
  await using reader = new TreeReader(repository);
  const walk = new EntryWalk(reader, root);
  try {
    for (let found = await walk.next(); found !== null; found = await walk.next()) {
      const { path, node } = found;
      const isDirectory = node.type === "dir";
      const verdict = filter.judge(path, isDirectory);
      if (verdict === "restore") return;
      if (names.size < MOST_NAMES) names.add(node.name);
      if (isDirectory && verdict === "way") walk.enter(found);
    }
  } catch (error) {
    if (error instanceof IntegrityError) return;
    throw error;
  }
  throw new UsageError(nothingSelected(patterns, names));
}

function nothingSelected(patterns: readonly string[], names: ReadonlySet<string>): string {
  const shown = patterns.map((pattern) => `--include ${quoteByteString(pattern)}`).join(" or ");
  for (const pattern of patterns) {
    const meant = didYouMean(pattern.split("/").findLast((name) => name !== "" && name !== "**") ?? "", names);
    if (meant !== "") return `Nothing in the backup that is not left out matches ${shown}${meant}`;
  }
  return `Nothing in the backup that is not left out matches ${shown}; "agent files" lists what it holds`;
}

function unknownPath(
  path: string,
  way: readonly string[],
  name: string,
  nodes: readonly { readonly name: string }[],
): string {
  const place = shownPath(way.join("/"));
  const meant = didYouMean(name, nodes.map((node) => node.name));
  const known = hasWildcards(name)
    ? "; a PATH is no pattern: --include takes patterns"
    : meant !== ""
    ? `${meant.slice(0, -1)} in ${place}?`
    : `; ${place} has no ${quoteByteString(name)}: "agent find" tells whole paths`;
  return `The backup does not hold ${shownPath(path)}${known}`;
}
