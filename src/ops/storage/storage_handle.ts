/** The handle of a backup in the storage interface. Its rules are those of Vitess's `BackupHandle`. */
import type { GuardChoice } from "../../guard/guard.ts";
import type { WrittenBackup } from "../session/session.ts";

/** Options of calls that can be stopped. */
export interface StorageCallOptions {
  /** Stops the call with `InterruptedError`. Of a call that gives a stream it stops the stream, too, until its end. */
  readonly signal?: AbortSignal;
}

/** Options of `addFile`. */
export interface AddFileOptions extends StorageCallOptions {
  /**
   * Who judges whether the stream is whole; `none` by default, for a file may be one stripe of a stream. A file that was
   * recognised in an earlier backup of the directory has to be again, unless `none` or a format is given here.
   */
  readonly guard?: GuardChoice;
}

/**
 * One backup: read-write from `startBackup`, read-only from `listBackups`. `addFile`, `endBackup` and `abortBackup` are for
 * read-write handles, `readFile` for read-only ones; any other call throws `UsageError`.
 */
export interface BackupHandle {
  /** The series. */
  readonly directory: string;
  /** The name it was started with; of a backup that was given none, its time and id (`2026-11-21.075342.123-1f2e3d4c`). */
  readonly name: string;
  /** Whether it is one that was listed, and is only read. */
  readonly isReadOnly: boolean;

  /**
   * A stream into a new file of the backup; `path` is one name, or several with slashes between. Many may be open at once
   * and be written to in any order: a write waits for room, and none for another stream. `close` resolves when the file is
   * stored. A stream that is aborted or fails ends the whole backup with that error. Throws `UsageError` for a path that is
   * malformed, taken, or leads through a file.
   */
  addFile(path: string, options?: AddFileOptions): WritableStream<Uint8Array>;

  /**
   * Keeps the backup: all of its files appear at once, or none where this rejects. Every stream must have been closed,
   * which `await writer.close()` makes sure of; one that is still open ends the backup with `UsageError`. A backup of no
   * file is valid. Throws the error that ended the backup, `ExistsError` where somebody else took the name meanwhile, and
   * what the store throws. A backup that is committed is never reported as failed: of a lock that cannot be removed behind
   * it the world's `onProblem` is told.
   */
  endBackup(options?: StorageCallOptions): Promise<WrittenBackup>;

  /**
   * Gives the backup up: nothing of it will appear, and its streams fail. Chunks that are stored remain for the next try
   * until a prune. Safe to repeat, and after an `endBackup` that failed; throws `UsageError` after one that did not.
   */
  abortBackup(): Promise<void>;

  /**
   * A file of the backup. The end of the stream means that everything in it was verified; it fails with `IntegrityError`
   * otherwise. Throws `UsageError` where there is no such file. Memory: some megabytes for each stream that is open.
   */
  readFile(path: string, options?: StorageCallOptions): Promise<ReadableStream<Uint8Array>>;
}
