/** What a files backup is to read, and how: plain data, which the engine and its threads take. */
import type { SelectionRules } from "./selection/selection.ts";

/** When a file counts as unchanged since the backup before, so that it is not read again. */
export interface ChangeRules {
  /** Whether every file is read, whatever the backup before says. */
  readonly readAll: boolean;
  /** Whether a file with another time of change (ctime) is read. Size and mtime always count. */
  readonly compareCtime: boolean;
  /** Whether a file with another inode is read. */
  readonly compareInode: boolean;
}

/** What to read. */
export interface FilesRequest {
  /**
   * The directory that the tree begins with, an absolute path; the root of the file system by default. All paths and
   * rules of the selection are below it.
   */
  readonly base?: string;
  /** The PATHs, and what of them is read. */
  readonly selection: SelectionRules;
  /** When a file is read again. */
  readonly changes: ChangeRules;
  /** Whether times of access are recorded; otherwise those of nodes are the same as their mtimes. */
  readonly withAtime: boolean;
  /** Whether everything is looked at, but nothing is stored. */
  readonly dryRun: boolean;
  /** PATHs that are not there or cannot be backed up, one line each: the first problems of the source. */
  readonly problems: readonly string[];
}
