/**
 * Changes the tags of a backup. A snapshot never changes, so a new one replaces it, as with `restic tag`. The new
 * snapshot is stored and read back before an old one is removed, so that one exists at any moment. An interruption may
 * leave several snapshots of one backup.
 */
import { DeniedError, messageOf } from "../../base/errors.ts";
import type { SnapshotId } from "../../base/id.ts";
import type { Backup } from "../../backup/backup.ts";
import type { Snapshot } from "../../format/snapshot.ts";
import { type LockedRepository, readingFrom } from "../../repository/repository.ts";
import { loadSnapshot } from "../../repository/snapshots.ts";
import { withFreshReads } from "../../store/fresh.ts";

/** Which snapshots are replaced, and by what. */
interface SnapshotReplacement {
  /** The snapshot that stays: one that is stored already, or one that is to be written. */
  readonly by: Backup | Snapshot;
  /** The snapshots that it replaces. */
  readonly old: readonly Backup[];
}

/**
 * The snapshot of a backup with other tags. As when restic changes tags, it names the very first snapshot of the backup
 * as its original. A backup with known damage gets no new summary, because that would make it look whole.
 */
export function withTags({ snapshot, snapshotId, info, damage }: Backup, tags: readonly string[]): Snapshot {
  return {
    ...snapshot,
    tags,
    original: snapshot.original ?? snapshotId,
    agent: info === null || damage !== null ? snapshot.agent : { ...info, tree: snapshot.tree },
  };
}

/**
 * Replaces snapshots, and returns the id of the one that stays. The lock must be exclusive. Throws `DeniedError` if the
 * store forbids removals; then both snapshots exist.
 */
export async function replaceSnapshots(
  repository: LockedRepository,
  { by, old }: SnapshotReplacement,
  signal: AbortSignal,
): Promise<SnapshotId> {
  const { files } = repository;
  signal.throwIfAborted();
  const id = "snapshotId" in by ? by.snapshotId : await files.saveSnapshot(by, { signal });
  await loadSnapshot(freshFiles(repository), id, signal);
  for (const { snapshotId } of old) {
    try {
      await files.remove("snapshot", snapshotId, { signal });
    } catch (error) {
      if (!(error instanceof DeniedError)) throw error;
      throw new DeniedError(
        `Cannot remove snapshot ${snapshotId}, which ${id} replaces; both exist: run it again where deletions are ` +
          `allowed (${messageOf(error)})`,
        { cause: error },
      );
    }
  }
  return id;
}

/** The files, read past the cache: which snapshots to replace must not be decided from cached copies. */
export function freshFiles(repository: LockedRepository) {
  return readingFrom(repository, withFreshReads(repository.store)).files;
}
