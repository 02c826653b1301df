/** Backups made by hand, for tests of what is decided about them. */
import type { Backup } from "../../src/backup/backup.ts";
import { backupOf } from "../../src/backup/backup.ts";
import type { BlobId, ManifestId, SnapshotId } from "../../src/base/id.ts";
import type { AgentSnapshotInfo } from "../../src/format/manifest/agent_info.ts";
import type { Snapshot } from "../../src/format/snapshot.ts";
import type { Rfc3339 } from "../../src/format/time.ts";
import { noise } from "../helpers/world.ts";

/** What a test says of a backup; the rest is as usual. */
export interface BackupShape {
  readonly series?: string;
  readonly host?: string;
  readonly time?: string;
  readonly level?: number;
  readonly parent?: ManifestId | null;
  readonly base?: ManifestId | null;
  /** Another tool wrote it. */
  readonly isForeign?: boolean;
  /** What its summary says otherwise. */
  readonly info?: Partial<AgentSnapshotInfo>;
}

export function manifestIdOf(name: string): ManifestId {
  return noise(32, `manifest ${name}`).toHex() as ManifestId;
}

export function snapshotIdOf(name: string): SnapshotId {
  return noise(32, `snapshot ${name}`).toHex() as SnapshotId;
}

/** The backup of a snapshot; its ids follow from its name. */
export function backup(name: string, shape: BackupShape = {}): Backup {
  const { series = "prod/shop", host = "db1", isForeign = false } = shape;
  const time = (shape.time ?? "2026-01-01T00:00:00Z") as Rfc3339;
  const snapshot: Snapshot = {
    time,
    parent: null,
    tree: noise(32, "tree").toHex() as BlobId,
    paths: [`/${series}`],
    hostname: host,
    username: "u",
    uid: 0,
    gid: 0,
    excludes: [],
    tags: [],
    original: null,
    programVersion: "agent test",
    summary: null,
    agent: isForeign ? null : info(name, { ...shape, series }, time),
  };
  return backupOf({ id: snapshotIdOf(name), snapshot });
}

function info(name: string, shape: BackupShape & { series: string }, time: Rfc3339): AgentSnapshotInfo {
  return {
    manifest: manifestIdOf(name),
    parent: shape.parent ?? null,
    base: shape.base ?? null,
    level: shape.level ?? 0,
    runType: null,
    engine: "stream",
    series: shape.series,
    size: 1000,
    added: 100,
    stored: 50,
    files: 1,
    complete: true,
    guard: "mysqldump",
    chunker: { algorithm: "gear32-nc", min: 2560, average: 10240, max: 40960 },
    modified: time,
    started: time,
    finished: time,
    ...shape.info,
  };
}
