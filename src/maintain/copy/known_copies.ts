/**
 * Copies of backups in another repository: which backups it has already, and what the snapshot of a copy says. As in
 * restic, a copy names the very first snapshot of the backup as its original.
 */
import type { SnapshotId } from "../../base/id.ts";
import type { Snapshot } from "../../format/snapshot.ts";
import { type Backup, startedMsOf } from "../../backup/backup.ts";

/** Finds copies in one repository of the backups of another one. */
export class KnownCopies {
  readonly #byContent = new Map<string, SnapshotId>();
  readonly #byOriginal = new Map<SnapshotId, SnapshotId>();

  /** `backups`: those of the repository in which to look. */
  constructor(backups: readonly Backup[]) {
    for (const backup of backups) this.add(backup);
  }

  /** Adds a backup of the repository in which to look. */
  add(backup: Backup): void {
    for (const key of contentKeys(backup)) this.#byContent.set(key, backup.snapshotId);
    this.#byOriginal.set(originalOf(backup), backup.snapshotId);
  }

  /**
   * The snapshot that is a copy of this backup; undefined if there is none. Tags do not count: they may be changed in
   * either repository afterwards. Time and host do, since somebody corrects them to make the backup count differently.
   */
  find(backup: Backup): SnapshotId | undefined {
    return contentKeys(backup).map((key) => this.#byContent.get(key)).find((found) => found !== undefined);
  }

  /** The copy of the backup whose very first snapshot this is; undefined if there is none. */
  findOriginal(snapshotId: SnapshotId): SnapshotId | undefined {
    return this.#byOriginal.get(snapshotId);
  }
}

/** The snapshot of a copy of a backup without known damage, with this snapshot of its own repository as its parent. */
export function snapshotOfCopy(backup: Backup, parent: SnapshotId | null): Snapshot {
  const { snapshot, info } = backup;
  return {
    ...snapshot,
    parent,
    original: originalOf(backup),
    agent: info === null ? snapshot.agent : { ...info, tree: snapshot.tree },
  };
}

function originalOf({ snapshot, snapshotId }: Backup): SnapshotId {
  return snapshot.original ?? snapshotId;
}

/** Two backups that share one of their keys are the same. A snapshot that restic copied has lost its manifest's id. */
function contentKeys(backup: Backup): string[] {
  const { info, host, snapshot: { tree } } = backup;
  const ids = [originalOf(backup), ...info === null ? [] : [info.manifest]];
  return ids.map((id) => JSON.stringify([id, tree, host, startedMsOf(backup)]));
}
