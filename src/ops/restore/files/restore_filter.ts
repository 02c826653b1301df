/** Which entries of a tree are restored. */
import { UsageError } from "../../../base/errors.ts";
import type { BlobId } from "../../../base/id.ts";
import { didYouMean } from "../../../base/text/nearest_name.ts";
import type { Node } from "../../../format/tree/node.ts";
import type { IndexedRepository } from "../../../repository/repository.ts";
import { readTree, subtreeOf } from "../../../repository/tree/trees.ts";

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

function unknownPath(
  path: string,
  way: readonly string[],
  name: string,
  nodes: readonly { readonly name: string }[],
): string {
  const place = `/${way.join("/")}`.toWellFormed();
  const meant = didYouMean(name, nodes.map((node) => node.name));
  const known = meant !== "" ? `${meant.slice(0, -1)} in "${place}"?` : `; "${place}" has no "${name.toWellFormed()}"`;
  return `The backup does not hold "/${path.toWellFormed()}"${known}`;
}
