/** A backup as programs get it, in the output of commands and in events. */
import { type Backup, finishedOf, sizeOf } from "./backup.ts";

/** Its facts. `null` stands for what is not known; docs/json.md says when. */
export function listedBackup(backup: Backup) {
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
    problems: info === null ? null : info.problems ?? 0,
    damage,
    tags: snapshot.tags,
  };
}
