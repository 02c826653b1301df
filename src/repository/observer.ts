/**
 * Who hears of what is learned of a repository while work is done in it. This is how the catalogue of this machine
 * follows all work: what reads or writes a snapshot tells it, whatever command the work belongs to.
 */
import type { ManifestId, SnapshotId } from "../base/id.ts";
import type { AgentSnapshotInfo } from "../format/manifest/agent_info.ts";
import type { Snapshot } from "../format/snapshot.ts";
import type { Manifest } from "../format/manifest/manifest.ts";
import type { StreamPieces } from "../format/table_list.ts";

/** Which repository is meant. */
export interface ObservedRepository {
  /** Its id, 64 lower-case hex digits. */
  readonly id: string;
  /** Where it is, without credentials. */
  readonly location: string;
}

/** A snapshot and the name of its file. */
interface ObservedSnapshot {
  readonly id: SnapshotId;
  readonly snapshot: Snapshot;
}

/** What a complete listing of the snapshots found. */
export interface ObservedListing {
  /** All snapshots that were read. */
  readonly snapshots: readonly ObservedSnapshot[];
  /** Snapshots that exist and were not read, or cannot be. */
  readonly unreadable: readonly SnapshotId[];
}

/** What came of a check of the whole repository. */
export interface ObservedCheck {
  /** How many errors it found. */
  readonly errors: number;
  /** Whether packs were read, and how many of them. */
  readonly readData: "none" | "subset" | "all";
}

/** What the manifest says of a backup whose snapshot another tool rewrote. */
export interface RecoveredBackup {
  /** The id of the backup. */
  readonly id: ManifestId | SnapshotId;
  readonly snapshotId: SnapshotId;
  /** Null for a backup that is not ours after all. */
  readonly info: AgentSnapshotInfo | null;
  /** How its content differs from the manifest; null if it does not. */
  readonly damage: string | null;
}

/** What a restore or a verification read of a backup, all digests of which were right. */
export interface ObservedRestore {
  /** The id of the backup. */
  readonly id: ManifestId | SnapshotId;
  readonly snapshotId: SnapshotId;
  readonly series: string;
  /** Whether it was all of the backup. */
  readonly isWhole: boolean;
  /** Bytes of content that were read. */
  readonly bytes: number;
}

/** Hears of one repository. Its methods only take note: they neither throw nor read. */
export interface RepositoryObserver {
  /** A listing of all snapshots begins. The result is called once it is complete. */
  beginListing(): (found: ObservedListing) => void;
  /** A snapshot was stored. */
  addSaved(stored: ObservedSnapshot): void;
  /** A snapshot was removed. */
  addRemoved(id: SnapshotId): void;
  /** The manifest of the backup of a snapshot is known. */
  addManifest(id: SnapshotId, manifest: Manifest): void;
  /** What was rewritten was completed. */
  addRecovered(backup: RecoveredBackup): void;
  /** The tables of its dumps are known; `pieces` is called at most once, at the end of the work. */
  addTables(id: SnapshotId, pieces: () => readonly StreamPieces[]): void;
  /** A check of the repository ended. */
  addCheck(check: ObservedCheck): void;
  /** A backup, or some of it, was read and is right. */
  addRestore(restore: ObservedRestore): void;
}

/** Begins to observe a repository that was opened or made. */
export type ObserveRepository = (repository: ObservedRepository) => RepositoryObserver;
