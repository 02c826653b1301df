/** Snapshots that tests store without a lock, as other tools or accidents may do. */
import type { SnapshotId } from "../../src/base/id.ts";
import { encodeSnapshot, type Snapshot } from "../../src/format/snapshot.ts";
import type { SealedFileWriter } from "../../src/repository/sealed_files.ts";

/** Stores a snapshot. */
export function saveSnapshot(files: SealedFileWriter, snapshot: Snapshot): Promise<SnapshotId> {
  return files.save("snapshot", encodeSnapshot(snapshot));
}
