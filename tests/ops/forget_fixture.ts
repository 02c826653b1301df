/** Snapshots of backups without any data, for tests of what only looks at snapshots. */
import type { BlobId, ManifestId, SnapshotId } from "../../src/base/id.ts";
import type { UnlockedRepository } from "../../src/repository/repository.ts";
import { saveSnapshot } from "../helpers/snapshots.ts";
import { backup, type BackupShape, manifestIdOf } from "../backup/backups.ts";
import { type FakeWorld, fakeWorld, memoryRepository, namesOf, noise } from "../helpers/world.ts";
import type { RetentionRequest } from "../../src/ops/forget.ts";
import type { KeepRules } from "../../src/policy/retention/retention.ts";

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

/** The clocks of these tests show 2 January 2026; what `day` makes shall be of the past. */
export const A_MONTH_MS = 30 * 86_400_000;

/** A repository in memory with snapshots that have no data, `aheadMs` later than usual; gives their ids by name. */
export async function repositoryWith(
  shapes: Readonly<Record<string, SavedShape>>,
  { aheadMs = A_MONTH_MS, world = fakeWorld("forget") }: { aheadMs?: number; world?: FakeWorld } = {},
) {
  world.clock.jump(aheadMs);
  const made = await memoryRepository(world);
  const ids: Record<string, string> = {};
  for (const [name, shape] of Object.entries(shapes)) {
    ids[name] = (await saveBackup(made.repository, name, shape)).snapshotId;
  }
  const left = async (store = made.store) => {
    const names = await namesOf(store, "snapshot");
    return Object.keys(ids).filter((name) => names.includes(ids[name]!));
  };
  return { ...made, world, ids, left };
}

/** A backup of that day of January 2026. */
export const day = (number: number): SavedShape => ({ time: `2026-01-0${number}T00:00:00Z` });

/** What a policy keeps of the backups that a filter lets through. */
export const policy = (rules: KeepRules, filter = {}): RetentionRequest => ({ kind: "policy", rules, filter });

/** Removes the backups that these selectors mean. */
export const named = (...selectors: string[]): RetentionRequest => ({ kind: "backups", selectors });

/** Keeps the newest backup of each series. */
export const LAST = policy({ counts: { last: 1 } });
