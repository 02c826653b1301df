/** Snapshots of backups without any data, for tests of what only looks at snapshots. */
import type { BlobId, ManifestId, SnapshotId } from "../../src/base/id.ts";
import type { UnlockedRepository } from "../../src/repository/repository.ts";
import { saveSnapshot } from "../helpers/snapshots.ts";
import { backup, type BackupShape, manifestIdOf } from "../backup/backups.ts";
import { noise } from "../helpers/world.ts";

/** What a test says of a backup; the rest is as usual. */
export interface SavedShape extends BackupShape {
  readonly tags?: readonly string[];
  readonly runType?: string;
  /** What its guard found; true by default. */
  readonly complete?: boolean | null;
}

/** Saves a snapshot; its backup's id is `manifestIdOf(name)`. */
export async function saveBackup(
  { files }: UnlockedRepository,
  name: string,
  shape: SavedShape,
): Promise<{ id: ManifestId; snapshotId: SnapshotId }> {
  const { snapshot } = backup(name, shape);
  const { tags = [], runType = null, complete = true } = shape;
  const agent = snapshot.agent && { ...snapshot.agent, runType, complete };
  const snapshotId = await saveSnapshot(files, { ...snapshot, tags, agent, tree: noise(32, name).toHex() as BlobId });
  return { id: manifestIdOf(name), snapshotId };
}
