/** What came of an action, for programs: backups as `agent ls --json` has them. */
import { type Backup, finishedOf, sizeOf } from "../../backup/backup.ts";

/** A backup as a value for JSON. docs/json.md describes the fields. */
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
    problems: info === null ? null : info.problems ?? 0,
    damage,
    tags: snapshot.tags,
  };
}

/** The result of an action as a value for JSON: a backup, or a list of backups. */
export function resultJson(result: unknown): unknown {
  return Array.isArray(result) ? result.map(backupJson) : backupJson(result as Backup);
}
