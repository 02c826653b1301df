/** All chains of a series as trees, because several backups may continue the same one, as TwinDB's increments do. */
import type { ManifestId } from "../../base/id.ts";
import { type Backup, compareAge } from "../backup.ts";
import { assertFollows, backupsById, type ChainMember, memberOf } from "./chain_links.ts";

/** A backup and the backups that continue it, oldest first. */
export interface ChainTree extends ChainMember {
  readonly children: readonly ChainTree[];
}

interface GrowingTree extends ChainMember {
  readonly children: GrowingTree[];
}

/**
 * The trees of these backups, oldest first. A parent that is gone still gets a node: below its base, or as a root if it
 * is the base. Throws `IntegrityError` if levels do not rise by one, which includes parents in a circle.
 */
export function chainTrees(backups: readonly Backup[]): ChainTree[] {
  const trees = new Map<string, GrowingTree>();
  const oldestFirst = [...backupsById(backups).values()].sort(compareAge);
  for (const backup of oldestFirst) trees.set(backup.id, { ...memberOf(backup), children: [] });
  const roots: GrowingTree[] = [];
  for (const backup of oldestFirst) {
    const tree = trees.get(backup.id)!;
    if (backup.info === null || backup.info.parent === null) roots.push(tree);
    else parentTree(backup, backup.info.parent, trees, roots).children.push(tree);
  }
  return roots;
}

/** The parent's tree. If the parent is gone, a node for it is made here. */
function parentTree(
  backup: Backup,
  parent: ManifestId,
  trees: Map<string, GrowingTree>,
  roots: GrowingTree[],
): GrowingTree {
  const known = trees.get(parent);
  if (known?.backup) assertFollows(backup, known.backup);
  if (known !== undefined) return known;
  const { level, base } = backup.info!;
  const gone: GrowingTree = { id: parent, level: level - 1, backup: null, children: [] };
  trees.set(parent, gone);
  if (base === null || base === parent) roots.push(gone);
  else baseTree(base, trees, roots).children.push(gone);
  return gone;
}

function baseTree(base: ManifestId, trees: Map<string, GrowingTree>, roots: GrowingTree[]): GrowingTree {
  const known = trees.get(base);
  if (known !== undefined) return known;
  const gone: GrowingTree = { id: base, level: 0, backup: null, children: [] };
  trees.set(base, gone);
  roots.push(gone);
  return gone;
}
