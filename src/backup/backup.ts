/** Backups as people see them: what the snapshots of a repository say, without reading a pack. */
import type { ManifestId, SnapshotId } from "../base/id.ts";
import type { AgentSnapshotInfo } from "../format/manifest/agent_info.ts";
import { levelOfPath } from "../format/manifest/series.ts";
import type { Snapshot } from "../format/snapshot.ts";
import { compareTimestamps, type Rfc3339, timestampToDate } from "../format/time.ts";
import { haveSameSeriesAndHost } from "../policy/series_and_host.ts";
import type { StoredSnapshot } from "../repository/snapshots.ts";

/** One committed backup. */
export interface Backup {
  /** The id that names the backup: its manifest's id, or its snapshot's id if another tool wrote it. */
  readonly id: ManifestId | SnapshotId;
  /** The snapshot that represents it. */
  readonly snapshotId: SnapshotId;
  /** The content of that snapshot. */
  readonly snapshot: Snapshot;
  /** Its series. For a snapshot that another tool made: its first path. */
  readonly series: string;
  /** The snapshot's host, even if the manifest says otherwise: people correct a wrong host in the snapshot. */
  readonly host: string;
  /** When its streams began: the snapshot's time, for the same reason. */
  readonly started: Rfc3339;
  /** Our summary; null for a snapshot that another tool wrote or rewrote. */
  readonly info: AgentSnapshotInfo | null;
  /** How its content differs from what was committed; null if no difference is known. Only `withRewritten` sets it. */
  readonly damage: string | null;
}

/** The backup that a snapshot represents. */
export function backupOf({ id, snapshot }: StoredSnapshot): Backup {
  const info = snapshot.agent;
  return {
    id: info?.manifest ?? id,
    snapshotId: id,
    snapshot,
    series: info?.series ?? seriesOfPaths(snapshot.paths),
    host: snapshot.hostname,
    started: snapshot.time,
    info,
    damage: null,
  };
}

/** The series of a snapshot that another tool made: its first path. */
function seriesOfPaths(paths: readonly string[]): string {
  return (paths[0] ?? "").replace(/^\/+/, "");
}

/** Bytes of all streams of a backup; null if they were not recorded. */
export function sizeOf({ info, snapshot }: Backup): number | null {
  return info?.size ?? snapshot.summary?.totalBytesProcessed ?? null;
}

/** The newest backup of this series and host, which the next one continues. `backups` are given oldest first. */
export function parentFor(backups: readonly Backup[], series: string, host: string): Backup | undefined {
  return backups.findLast((backup) => backup.info !== null && haveSameSeriesAndHost(backup, { series, host }));
}

/**
 * Whether a restore of a backup replays the levels of its chain: all its streams lie in directories of levels. False
 * for a rewritten snapshot whose summary was not read from its manifest yet.
 */
export function replaysLevels({ info }: Pick<Backup, "info">): boolean {
  const levels = info?.streams?.map(({ path }) => levelOfPath(path)) ?? [];
  return levels.length > 0 && levels.every((level) => level !== undefined && level <= info!.level);
}

/** When a backup began, in milliseconds since 1970 UTC. */
export function startedMsOf({ started }: Backup): number {
  return timestampToDate(started).getTime();
}

/** When a backup finished; null if that was not recorded, or was recorded by a clock that turned out to be wrong. */
export function finishedOf({ info, started }: Backup): Rfc3339 | null {
  return info !== null && compareTimestamps(info.started, started) === 0 ? info.finished : null;
}

/** Negative if `a` is older: it began earlier, or at the same moment with a lower level. */
export function compareAge(a: Backup, b: Backup): number {
  return startedMsOf(a) - startedMsOf(b) || (a.info?.level ?? 0) - (b.info?.level ?? 0);
}

/**
 * Removes each copy whose original is in the list too; a copy has its original's id. If the original is gone, only the
 * last of several identical copies stays.
 */
export function withoutCopies(backups: readonly Backup[]): Backup[] {
  const present = new Set(backups.map(({ id, snapshotId }) => `${id} ${snapshotId}`));
  const left = backups.filter(({ id, snapshot }) => !present.has(`${id} ${snapshot.original}`));
  return [...new Map(left.map((backup) => [copyKey(backup), backup])).values()];
}

function copyKey({ id, snapshotId, snapshot: { original, hostname, time, tree } }: Backup): string {
  return original === null ? snapshotId : JSON.stringify([id, original, hostname, time, tree]);
}

/** Removes damaged copies that another tool made of a backup that is in the list too. */
export function withoutDamagedCopies(backups: readonly Backup[]): Backup[] {
  const present = new Set<string | null>(backups.map(({ snapshotId }) => snapshotId));
  return backups.filter(({ damage, snapshot }) => damage === null || !present.has(snapshot.original));
}
