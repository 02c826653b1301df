/** A backup as `--json` shows it, in `ls`, `put` and `chain` alike. */
import { type Backup, finishedOf, sizeOf } from "../../backup/backup.ts";

/** What programs get to know of a backup. */
export function backupJson(backup: Backup) {
  const { id, snapshotId, series, host, started, info, snapshot, damage } = backup;
  return {
    id,
    snapshot: snapshotId,
    series,
    host,
    started,
    finished: finishedOf(backup),
    level: info?.level ?? null,
    runType: info?.runType ?? null,
    parent: info?.parent ?? null,
    base: info?.base ?? null,
    size: sizeOf(backup),
    added: info?.added ?? null,
    stored: info?.stored ?? null,
    engine: info?.engine ?? null,
    guard: info?.guard ?? null,
    complete: info?.complete ?? null,
    shrunk: info === null ? null : info.shrunk ?? false,
    damage,
    tags: snapshot.tags,
  };
}
