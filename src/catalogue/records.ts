/** What callers tell the catalogue. */
import type { Backup } from "../backup/backup.ts";
import type { SnapshotId } from "../base/id.ts";
import type { BackupDetails } from "./backup_rows.ts";

/** A repository, as the catalogue names it. */
export interface CataloguedRepository {
  /** The id in its config. */
  readonly id: string;
  /** Where it was found, without credentials: `rest:http://host/shop`. */
  readonly location: string;
}

/** A backup to write down. */
export interface AddedBackup {
  readonly backup: Backup;
  /** What its files say; absent if they were not read. What the catalogue knows of them already stays. */
  readonly details?: BackupDetails;
}

/** What happened to the backups of a repository, in one step. */
export interface BackupChanges {
  /** Backups that are there. One whose snapshot was removed before is not brought back: only a listing can tell. */
  readonly added?: readonly AddedBackup[];
  /** Snapshots that were removed. */
  readonly removed?: readonly SnapshotId[];
}

/** When a listing began, as the catalogue counts. */
export interface ListingToken {
  readonly repository: CataloguedRepository;
  /** Which file the number is of: another one counts anew. Null for a number that is a time, which all files share. */
  readonly incarnation: string | null;
  readonly sequence: number;
}

/** All snapshots of a repository. */
export interface Listing {
  /** Each snapshot that could be read, those that another tool wrote and records of this program included. */
  readonly backups: readonly Backup[];
  /** Snapshots that are there and cannot be read. */
  readonly unreadable?: readonly SnapshotId[];
  /** Whether what is known of the repository's backups is dropped first, those that were removed included. */
  readonly replacesAll?: boolean;
}

/** What a command, or a call of the library, did. */
export interface RunRecord {
  /** The session of its events. */
  readonly session: string;
  /** Such as `put`. */
  readonly command: string;
  /** Null if it opened none. */
  readonly repository: CataloguedRepository | null;
  /** Null if it was of no single series. */
  readonly series: string | null;
  readonly startedMs: number;
  readonly finishedMs: number;
  readonly exitCode: number;
  /** The error's message, which holds no secret; null if there was none. */
  readonly error: string | null;
}

/** What a check of a repository found. */
export interface CheckRecord {
  readonly session: string;
  readonly repository: CataloguedRepository;
  /** Whether packs were read, and how many of them. */
  readonly readData: "none" | "subset" | "all";
  /** How many problems it found. */
  readonly findings: number;
  readonly finishedMs: number;
}

/** A backup that was read through all its digests. */
export interface VerifiedRestoreRecord {
  readonly session: string;
  readonly repository: CataloguedRepository;
  readonly backup: Pick<Backup, "id" | "snapshotId" | "series">;
  /** Such as `get` or `verify`. */
  readonly command: string;
  /** Whether all of the backup was read, or only some of its files. */
  readonly isWhole: boolean;
  readonly bytes: number;
  readonly finishedMs: number;
}
