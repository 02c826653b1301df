/** Backups as people see them: what the snapshots of a repository tell without reading any pack. */
import type { ManifestId, SnapshotId } from "../base/id.ts";
import type { AgentSnapshotInfo } from "../format/manifest/agent_info.ts";
import type { Snapshot } from "../format/snapshot.ts";
import { compareTimestamps, type Rfc3339, timestampToDate } from "../format/time.ts";
import { haveSameSeriesAndHost } from "../policy/series_and_host.ts";
import type { StoredSnapshot } from "../repository/snapshots.ts";

/** One committed backup. */
export interface Backup {
  /** Names the backup: its manifest's id or, where another tool wrote it, its snapshot's. */
  readonly id: ManifestId | SnapshotId;
  /** The snapshot that stands for it. */
  readonly snapshotId: SnapshotId;
  /** What that snapshot says. */
  readonly snapshot: Snapshot;
  /** Its series; of a snapshot that another tool made, its first path. */
  readonly series: string;
  /** The snapshot's, whatever the manifest says: who corrects a wrong one corrects the snapshot. */
  readonly host: string;
  /** When its streams began: the snapshot's time, for the same reason. */
  readonly started: Rfc3339;
  /** What we know besides, or null for a snapshot that another tool wrote or rewrote. */
  readonly info: AgentSnapshotInfo | null;
  /** How what is left of it differs from what was committed; null where nothing is known to. Only `withRewritten` tells. */
  readonly damage: string | null;
}

/** The backup that a snapshot stands for. */
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

/** A snapshot of another tool belongs to the series that its first path names. */
function seriesOfPaths(paths: readonly string[]): string {
  return (paths[0] ?? "").replace(/^\/+/, "");
}

/** Bytes of all streams of a backup, or null where nobody wrote them down. */
export function sizeOf({ info, snapshot }: Backup): number | null {
  return info?.size ?? snapshot.summary?.totalBytesProcessed ?? null;
}

/** The newest of the backups (given oldest first) that the next one of this series and host continues. */
export function parentFor(backups: readonly Backup[], series: string, host: string): Backup | undefined {
  return backups.findLast((backup) => backup.info !== null && haveSameSeriesAndHost(backup, { series, host }));
}

/** When a backup was begun, in milliseconds since 1970 UTC. */
export function startedMsOf({ started }: Backup): number {
  return timestampToDate(started).getTime();
}

/** When a backup was finished; null where nobody wrote that down, or by a clock that was found to be wrong. */
export function finishedOf({ info, started }: Backup): Rfc3339 | null {
  return info !== null && compareTimestamps(info.started, started) === 0 ? info.finished : null;
}

/** Negative where `a` is the older one: begun earlier or, of two begun at one moment, of the lower level. */
export function compareAge(a: Backup, b: Backup): number {
  return startedMsOf(a) - startedMsOf(b) || (a.info?.level ?? 0) - (b.info?.level ?? 0);
}

/**
 * The backups without those that were made of another one among them: such a copy has its original's id. Of several copies
 * that say the same of one that is gone, the last is left.
 */
export function withoutCopies(backups: readonly Backup[]): Backup[] {
  const present = new Set(backups.map(({ id, snapshotId }) => `${id} ${snapshotId}`));
  const left = backups.filter(({ id, snapshot }) => !present.has(`${id} ${snapshot.original}`));
  return [...new Map(left.map((backup) => [copyKey(backup), backup])).values()];
}

function copyKey({ id, snapshotId, snapshot: { original, hostname, time, tree } }: Backup): string {
  return original === null ? snapshotId : JSON.stringify([id, original, hostname, time, tree]);
}

/** The backups without what another tool left of one that is itself among them. */
export function withoutDamagedCopies(backups: readonly Backup[]): Backup[] {
  const present = new Set<string | null>(backups.map(({ snapshotId }) => snapshotId));
  return backups.filter(({ damage, snapshot }) => damage === null || !present.has(snapshot.original));
}
