/** Snapshots: the root objects of backups, as they lie in the repository. */
import { mapConcurrently } from "../base/concurrency.ts";
import { AgentError, NotFoundError } from "../base/errors.ts";
import { asId, type SnapshotId } from "../base/id.ts";
import { decodeSnapshot, encodeSnapshot, type Snapshot } from "../format/snapshot.ts";
import { timestampToDate } from "../format/time.ts";
import type { SealedFiles } from "./sealed_files.ts";

/** A snapshot and the name of its file. */
export interface StoredSnapshot {
  readonly id: SnapshotId;
  readonly snapshot: Snapshot;
}

/** A snapshot file that could not be read, and why. */
export interface DamagedSnapshot {
  readonly id: SnapshotId;
  readonly error: AgentError;
}

/** All snapshots, oldest first, and what could not be read of them. */
export interface SnapshotList {
  readonly snapshots: readonly StoredSnapshot[];
  readonly damaged: readonly DamagedSnapshot[];
  /** Listed, and not found a moment later: forgotten meanwhile, unless nobody else may do that. */
  readonly vanished: readonly SnapshotId[];
}

const FILES_AT_ONCE = 8;

/** Loads every snapshot. One that vanishes meanwhile is left out; a damaged one does not hide the others. */
export async function loadSnapshots(files: SealedFiles, signal?: AbortSignal): Promise<SnapshotList> {
  const callOptions = signal ? { signal } : {};
  const ids: SnapshotId[] = [];
  for await (const { name } of files.list("snapshot", callOptions)) ids.push(asId<SnapshotId>(name));
  const snapshots: StoredSnapshot[] = [];
  const damaged: DamagedSnapshot[] = [];
  const vanished: SnapshotId[] = [];
  await mapConcurrently(ids, FILES_AT_ONCE, async (id) => {
    try {
      const snapshot = decodeSnapshot(await files.load("snapshot", id, callOptions), `snapshot ${id}`);
      snapshots.push({ id, snapshot });
    } catch (error) {
      if (error instanceof NotFoundError) return void vanished.push(id);
      if (!(error instanceof AgentError) || error.code !== "integrity") throw error;
      damaged.push({ id, error });
    }
  });
  return { snapshots: snapshots.sort(byTime), damaged, vanished };
}

/** Stores a snapshot; from here on the backup exists. */
export function saveSnapshot(files: SealedFiles, snapshot: Snapshot): Promise<SnapshotId> {
  return files.save("snapshot", encodeSnapshot(snapshot));
}

/** Oldest first; equal times in the order of ids, so that the order never depends on the store. */
function byTime(a: StoredSnapshot, b: StoredSnapshot): number {
  const difference = timestampToDate(a.snapshot.time).getTime() - timestampToDate(b.snapshot.time).getTime();
  return difference !== 0 ? difference : a.id < b.id ? -1 : 1;
}
