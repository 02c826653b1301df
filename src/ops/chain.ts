/** Chain: the path from a level 0 to a backup, or all chains of a series, and which members can be restored. */
import { decodeHex } from "../base/hex.ts";
import type { Backup } from "../backup/backup.ts";
import { type ChainMember, chainOf } from "../backup/chain/chain_links.ts";
import { checkMembers, type MemberCheck } from "../backup/chain/chain_check.ts";
import { type ChainTree, chainTrees } from "../backup/chain/chain_tree.ts";
import { LENIENT, loadBackups } from "../backup/load_backups.ts";
import type { OpenIndex } from "../backup/rewritten.ts";
import { parseSelector, selectBackup } from "../backup/naming/selector.ts";
import { haveSameSeriesAndHost } from "../policy/series_and_host.ts";
import type { Repository } from "../repository/repository.ts";
import type { DamagedSnapshot } from "../repository/snapshots.ts";
import { openAccess, type RepositoryAccess, useCase, type UseCaseOptions, type World } from "./access.ts";
import { loadNamedIndex, passingOver, wholeIndexOnDemand } from "../backup/whole_index.ts";

/**
 * A member of a chain, its place in the drawing, and the result of its check: its manifest was read, and its streams
 * were located.
 */
export interface DrawnMember extends ChainMember, MemberCheck {
  /** Whether it would restore, judged by its manifest and tree; null if another tool made it. */
  readonly fit: boolean | null;
  /** How many members are above it. */
  readonly depth: number;
  /** Whether it is the last child of its parent. */
  readonly isLast: boolean;
  /** The ids of the members that continue it, oldest first. */
  readonly children: readonly string[];
}

/** Chains as trees, oldest first. */
export interface ChainReport {
  /** The members. Each is followed by its descendants. */
  readonly members: readonly DrawnMember[];
  /** Snapshots that could not be read. */
  readonly damaged: readonly DamagedSnapshot[];
}

/** Which chains to draw. */
export interface ChainRequest {
  /** `SERIES`, `SERIES@SELECTOR` or `@ID`. */
  readonly selector: string;
  /** Draw all chains of the backup's series and host, with all branches; otherwise only the path to the backup. */
  readonly all: boolean;
}

/** Draws chains. Throws `IntegrityError` if levels do not rise by one, which includes parents in a circle. */
export async function drawChains(
  access: RepositoryAccess,
  request: ChainRequest,
  options: UseCaseOptions,
): Promise<ChainReport> {
  const { world } = options;
  const wanted = parseSelector(request.selector);
  return await useCase(options, async (signal) => {
    await using repository = await openAccess(access, options);
    const openIndex = wholeIndexOnDemand(repository, passingOver(world, signal));
    const { backups, damaged } = await loadBackups(repository.files, { ...LENIENT, rewritten: openIndex, signal });
    const meant = selectBackup(backups, { selector: wanted, text: request.selector });
    const trees = request.all
      ? chainTrees(backups.filter((backup) => haveSameSeriesAndHost(backup, meant)))
      : wayTo(backups, meant);
    const placed = inDrawingOrder(trees);
    const checks = await checkPlaced({ repository, world, openIndex }, backups, placed);
    return { members: placed.map((place, i) => drawn(place, checks[i]!)), damaged };
  });
}

/**
 * Checks the members with a small index of trees and of the manifests that their snapshots name. This is enough if all
 * members are intact. Members with a problem are checked again with the whole index.
 */
async function checkPlaced(
  { repository, world, openIndex }: {
    readonly repository: Repository;
    readonly world: World;
    readonly openIndex: OpenIndex;
  },
  backups: readonly Backup[],
  placed: readonly PlacedTree[],
): Promise<MemberCheck[]> {
  const members = placed.map(({ tree }) => tree);
  const manifests = members.flatMap(({ backup }) => backup?.info ? [decodeHex(backup.info.manifest)] : []);
  const indexed = await loadNamedIndex(repository, manifests, passingOver(world));
  const checks: MemberCheck[] = await checkMembers(indexed, backups, members);
  const doubtful = [...checks.keys()].filter((i) => checks[i]!.problem !== null);
  if (doubtful.length === 0) return checks;
  const again = await checkMembers(await openIndex(), backups, doubtful.map((i) => members[i]!));
  doubtful.forEach((i, position) => checks[i] = again[position]!);
  return checks;
}

/** The chain of a backup as a tree without branches. */
function wayTo(backups: readonly Backup[], last: Backup): ChainTree[] {
  return chainOf(backups, last).reduceRight<ChainTree[]>((children, member) => [{ ...member, children }], []);
}

interface PlacedTree {
  readonly tree: ChainTree;
  readonly depth: number;
  readonly isLast: boolean;
}

/** Lists each tree before its subtrees. Iterative, because a chain may be too long for recursion. */
function inDrawingOrder(trees: readonly ChainTree[]): PlacedTree[] {
  const placed: PlacedTree[] = [];
  const place = (siblings: readonly ChainTree[], depth: number) =>
    siblings.map((tree, i) => ({ tree, depth, isLast: i === siblings.length - 1 })).reverse();
  const waiting = place(trees, 0);
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    placed.push(next);
    waiting.push(...place(next.tree.children, next.depth + 1));
  }
  return placed;
}

function drawn({ tree, depth, isLast }: PlacedTree, { state, problem, reason }: MemberCheck): DrawnMember {
  const { id, level, backup } = tree;
  const fit = state === "foreign" ? null : state === "ok";
  const children = tree.children.map((child) => child.id);
  return { id, level, backup, state, problem, reason, fit, depth, isLast, children };
}
