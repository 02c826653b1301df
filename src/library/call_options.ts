/** What programs ask about a repository and its backups. */
import type { Backup } from "../backup/backup.ts";
import type { RestoreVerdict } from "../backup/restore_tests.ts";
import type { EntryDifference } from "../backup/trees/compare_views.ts";
import type { RunType } from "../base/run_type.ts";
import type { Manifest } from "../format/manifest/manifest.ts";
import type { PruneLimits } from "../maintain/prune/prune_plan.ts";
import type { CheckProgress, CheckRequest } from "../ops/check.ts";
import type { CopyProgress } from "../ops/copy.ts";
import type { PruneProgress } from "../ops/prune.ts";
import type { GetProgress } from "../ops/restore/get.ts";
import type { StatsProgress } from "../ops/stats/stats.ts";
import type { FindRequest } from "../ops/trees/find.ts";
import type { Expectation } from "../policy/expectation.ts";
import type { AtOptions } from "./restore/which_backup.ts";
import type { CallOptions, ReadingOptions } from "./opening/agent_parts.ts";

/** One backup, as it describes itself. */
export interface ShownBackup {
  /** The backup. */
  readonly backup: Backup;
  /** Its manifest; null if another tool made the backup. */
  readonly manifest: Manifest | null;
  /** The newest restore on trial of it; null if there was none. */
  readonly restored: RestoreVerdict | null;
}

/** Which of a backup's entries are listed. */
export interface FilesListOptions extends AtOptions, ReadingOptions {
  /** Only this file, or this directory and what it directly holds. */
  readonly path?: string;
  /** Whether everything below the directory is listed. */
  readonly isRecursive?: boolean;
}

/** What of a backup is verified. */
export interface VerifyCallOptions extends AtOptions, ReadingOptions {
  /** Whether only the manifests of its chain are read. */
  readonly chainOnly?: boolean;
  /** Called as the work proceeds. */
  readonly onProgress?: (progress: GetProgress) => void;
}

/** What a URL gives, and for how long. */
export interface UrlCallOptions extends AtOptions, CallOptions {
  /** A stream or file, by its path or the end of it; with `table`, the stream that holds the table. */
  readonly file?: string;
  /** A table of a dump, by its name. Without it and `file`, the only stream, or an archive of all. */
  readonly table?: string;
  /** For how many seconds from now the URL is valid. */
  readonly seconds: number;
  /** The address of the gateway; by default that of the agent. */
  readonly gateway?: string;
}

/** How a repository is checked. */
export interface CheckCallOptions extends ReadingOptions {
  /** Whether packs are read, too: all of them, or some. */
  readonly readData?: CheckRequest["readData"];
  /** Called as the work proceeds. */
  readonly onProgress?: (progress: CheckProgress) => void;
}

/** Which chains are drawn. */
export interface ChainCallOptions extends AtOptions, CallOptions {
  /** Whether all chains of the series and host are drawn; otherwise the way to the backup. */
  readonly all?: boolean;
}

/** Whose status is asked for, and what is expected. */
export interface StatusCallOptions extends CallOptions {
  /** Only backups of this host. */
  readonly host?: string;
  /** Runs of this type and longer ones are full. */
  readonly fullBackup?: RunType;
  /** What is expected, such as `prod/shop=26h`. */
  readonly expectations?: readonly (string | Expectation)[];
  /** Whether backups that other tools made meet expectations, too. */
  readonly any?: boolean;
}

/** What is looked for besides patterns of names, and in which backups. */
export interface FindCallOptions extends Partial<Omit<FindRequest, "globs" | "noLock">>, ReadingOptions {
  /** Called with the number of backups that were searched, and of all. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** How two backups are compared. */
export interface DiffCallOptions extends ReadingOptions {
  /** Whether entries of trees are listed of which only the metadata differ. */
  readonly metadata?: boolean;
  /** Receives the entries of trees that differ, some hundreds at once. */
  readonly onEntries?: (entries: readonly EntryDifference[]) => Promise<void>;
  /** Called with the number of streams that were compared, and of all. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** Whose numbers are asked for. */
export interface StatsCallOptions extends ReadingOptions {
  /** Only backups of this host. */
  readonly host?: string;
  /** Called as the work proceeds. */
  readonly onProgress?: (progress: StatsProgress) => void;
}

/** How space is freed. */
export interface PruneCallOptions extends CallOptions {
  /** The limits; those of restic by default. */
  readonly limits?: Partial<PruneLimits>;
  /** Whether nothing is changed, and the result is what would be done. */
  readonly isDry?: boolean;
  /** Whether a repository may be emptied that has packs but no backup. */
  readonly allowEmpty?: boolean;
  /** Called as the work proceeds. */
  readonly onProgress?: (progress: PruneProgress) => void;
}

/** How backups are copied. */
export interface CopyCallOptions extends CallOptions {
  /** `SERIES`, `SERIES@SELECTOR` or `@ID`; all backups by default. */
  readonly names?: readonly string[];
  /** Whether nothing is copied, and the result is what would be. */
  readonly isDry?: boolean;
  /** Whether the other repository is read without a lock. */
  readonly fromNoLock?: boolean;
  /** Called as the work proceeds. */
  readonly onProgress?: (progress: CopyProgress) => void;
}

/** How tags are changed. */
export interface TagCallOptions extends CallOptions {
  /** Whether nothing is changed, and the result is what would be. */
  readonly isDry?: boolean;
  /** Called with the number of backups that are done, and how many are to be changed. */
  readonly onProgress?: (done: number, total: number) => void;
}
