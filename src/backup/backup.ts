/** Backups as people see them: what the snapshots of a repository tell without reading any pack. */
import type { ManifestId, SnapshotId } from "../base/id.ts";
import type { AgentSnapshotInfo } from "../format/agent_info.ts";
import type { Snapshot } from "../format/snapshot.ts";
import { type Rfc3339, timestampToDate } from "../format/time.ts";
import { haveSameSeriesAndHost } from "../policy/series_and_host.ts";
import type { StoredSnapshot } from "../repository/snapshots.ts";

/** One committed backup. */
export interface Backup {
  /** Names the backup: its manifest's id or, where another tool wrote it, its snapshot's. */
  readonly id: ManifestId | SnapshotId;
  readonly snapshotId: SnapshotId;
  readonly snapshot: Snapshot;
  readonly series: string;
  readonly host: string;
  /** When its stream began; of a snapshot by another tool its only time. */
  readonly started: Rfc3339;
  /** What we know besides, or null for a snapshot that another tool wrote or rewrote. */
  readonly info: AgentSnapshotInfo | null;
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
    started: info?.started ?? snapshot.time,
    info,
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

/** Negative where `a` is the older one: begun earlier or, of two begun at one moment, of the lower level. */
export function compareAge(a: Backup, b: Backup): number {
  return startedMsOf(a) - startedMsOf(b) || (a.info?.level ?? 0) - (b.info?.level ?? 0);
}

/** The backups without those that restic made of another one among them: such a copy has its original's id. */
export function withoutCopies(backups: readonly Backup[]): Backup[] {
  const present = new Set(backups.map(({ id, snapshotId }) => `${id} ${snapshotId}`));
  return backups.filter(({ id, snapshot }) => !present.has(`${id} ${snapshot.original}`));
}
