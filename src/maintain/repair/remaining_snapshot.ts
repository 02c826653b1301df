/** The snapshot of what is left of a damaged backup, marked so that nobody takes it for a backup. */
import type { Backup } from "../../backup/backup.ts";
import type { BlobId } from "../../base/id.ts";
import { FILE_MODE_0644 } from "../../format/tree/file_mode.ts";
import { makeNode } from "../../format/tree/node.ts";
import { DAMAGED_SERIES_PREFIX } from "../../format/manifest/series.ts";
import type { Snapshot } from "../../format/snapshot.ts";
import { encodeTree } from "../../format/tree/tree.ts";
import { type RepairedNodes, withDistinctNames } from "./tree_repair.ts";
import { describeLoss, describeMore, type Loss } from "./backup_losses.ts";

const DAMAGED_TAG = "damaged";
const LOSS_TEXT_NAME = "damaged.txt";

/** Stores the trees and data of repaired snapshots. */
export interface TreeStore {
  readonly saveTree: (tree: Uint8Array) => Promise<BlobId>;
  readonly saveData: (bytes: Uint8Array) => Promise<Uint8Array>;
  readonly finish: () => Promise<void>;
  readonly abandon: () => Promise<void>;
}

/** Saves the root of what is left. It includes a text that says what is lost, so that every restore shows it. */
export async function saveRoot(
  { snapshot, series, id }: Backup,
  { nodes, damage: { more } }: RepairedNodes,
  losses: readonly Loss[],
  { saveTree, saveData }: TreeStore,
): Promise<BlobId> {
  const lines = [
    `This is what is left of backup ${id} of ${JSON.stringify(series)} of ${snapshot.time}. It is no whole backup.`,
    ...losses.map((loss) => describeLoss(loss)),
    ...more > 0 ? [describeMore(more)] : [],
  ];
  const text = new TextEncoder().encode(`${lines.join("\n")}\n`);
  const content = await saveData(text);
  const { time, uid, gid } = snapshot;
  const times = { mtime: time, atime: time, ctime: time };
  const node = makeNode({
    name: LOSS_TEXT_NAME,
    type: "file",
    mode: FILE_MODE_0644,
    ...times,
    uid,
    gid,
    size: text.length,
    content,
  });
  return await saveTree(encodeTree(withDistinctNames([...nodes, node])));
}

/** The snapshot of what is left. It has no manifest and no summary, because it is not a backup. */
export function snapshotOfRest(
  { snapshot, snapshotId, series }: Backup,
  tree: BlobId,
  programVersion: string,
): Snapshot {
  const paths = snapshot.paths.length > 1 ? snapshot.paths.map((path) => path.replace(/^\/+/, "")) : [series];
  return {
    ...snapshot,
    tree,
    paths: paths.map((path) => `/${damagedSeries(path)}`),
    parent: null,
    tags: [...new Set([...snapshot.tags, DAMAGED_TAG])],
    original: snapshot.original ?? snapshotId,
    programVersion,
    summary: null,
    agent: null,
  };
}

/** The series of what is left. The remains may be damaged again and keep their series then. */
export function damagedSeries(series: string): string {
  return series.startsWith(DAMAGED_SERIES_PREFIX) ? series : DAMAGED_SERIES_PREFIX + series;
}

/**
 * Whether two snapshots hold the same remains. An earlier repair may have made one already: it was interrupted, or kept
 * the damaged snapshot.
 */
export function isSameRest(a: Snapshot, b: Snapshot): boolean {
  return a.tree === b.tree && a.original === b.original && a.agent === null && a.paths.join() === b.paths.join();
}
