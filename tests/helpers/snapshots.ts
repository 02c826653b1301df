/** Snapshots that tests put into repositories without a lock, as other tools and mishaps do. */
import type { SnapshotId } from "../../src/base/id.ts";
import { encodeSnapshot, type Snapshot } from "../../src/format/snapshot.ts";
import type { SealedFileWriter } from "../../src/repository/sealed_files.ts";

/** Stores a snapshot. */
export function saveSnapshot(files: SealedFileWriter, snapshot: Snapshot): Promise<SnapshotId> {
  return files.save("snapshot", encodeSnapshot(snapshot));
}
