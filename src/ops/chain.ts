/** Chain: the way from a level 0 to a backup, or all chains of a series, and which members are fit for a restore. */
import { type Backup, backupOf } from "../backup/backup.ts";
import { type ChainMember, chainOf } from "../backup/chain.ts";
import { checkMembers, type MemberCheck } from "../backup/chain_check.ts";
import { type ChainTree, chainTrees } from "../backup/chain_tree.ts";
import { withRewritten } from "../backup/rewritten.ts";
import { parseSelector, selectBackup } from "../backup/selector.ts";
import { loadIndex } from "../repository/index_files.ts";
import { type DamagedSnapshot, loadSnapshots } from "../repository/snapshots.ts";
import { type RepositoryAccess, withRepository, type World } from "./access.ts";

/** A member of a chain, its place in the drawing, and how it is: its manifest was read, its streams were looked for. */
export interface DrawnMember extends ChainMember, MemberCheck {
  /** Whether it would restore, as far as its manifest and its tree tell; null where another tool made it. */
  readonly fit: boolean | null;
  /** How many members it hangs below. */
  readonly depth: number;
  /** Whether no other member hangs below the same one behind it. */
  readonly isLast: boolean;
  /** The ids of those that continue it, oldest first. */
  readonly children: readonly string[];
}

/** Chains as trees, oldest first: each member is followed by those that hang below it. */
export interface ChainReport {
  readonly members: readonly DrawnMember[];
  /** Snapshots that could not be read. */
  readonly damaged: readonly DamagedSnapshot[];
}

/** Which chains to draw. */
export interface ChainRequest {
  readonly selector: string;
  /** All chains of the backup's series and host, with all that branches off; else the way to the backup alone. */
  readonly all: boolean;
}

/** Draws chains. Throws `IntegrityError` where levels do not descend by one, as they cannot where parents go in circles. */
export function drawChains(access: RepositoryAccess, request: ChainRequest, world: World): Promise<ChainReport> {
  const wanted = parseSelector(request.selector);
  return withRepository(access, world, async (repository) => {
    const { snapshots, damaged } = await loadSnapshots(repository.files);
    const indexed = { ...repository, index: await loadIndex(repository.files, { dataPlaces: true }) };
    const backups = await withRewritten(snapshots.map(backupOf), () => Promise.resolve(indexed));
    const meant = selectBackup(backups, wanted, request.selector);
    const trees = request.all ? chainTrees(backups.filter((backup) => isBeside(backup, meant))) : wayTo(backups, meant);
    const placed = inDrawingOrder(trees);
    const checks = await checkMembers(indexed, backups, placed.map(({ tree }) => tree));
    return { members: placed.map((place, i) => drawn(place, checks[i]!)), damaged };
  });
}

function isBeside({ series, host }: Backup, meant: Backup): boolean {
  return series === meant.series && host === meant.host;
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

/** Each tree before those below it. A chain may be as long as a stack is not deep. */
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

function drawn({ tree, depth, isLast }: PlacedTree, { state, problem }: MemberCheck): DrawnMember {
  const { id, level, backup } = tree;
  const fit = state === "foreign" ? null : state === "ok";
  return { id, level, backup, state, problem, fit, depth, isLast, children: tree.children.map((child) => child.id) };
}
