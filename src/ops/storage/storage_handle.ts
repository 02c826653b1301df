/** The handle of a backup in the storage interface, with the rules of Vitess's `BackupHandle`. */
import type { GuardChoice } from "../../guard/guard.ts";
import type { WrittenBackup } from "../session/backup_request.ts";

/** Options of calls that can be stopped. */
export interface StorageCallOptions {
  /** Stops the call with `InterruptedError`. If the call returns a stream, it can stop the stream until its end. */
  readonly signal?: AbortSignal;
}

/** Options of `addFile`. */
export interface AddFileOptions extends StorageCallOptions {
  /**
   * Judges whether the stream is whole; `none` by default, because a file may be one stripe of a stream. A file that
   * was recognised in an earlier backup of the directory must be recognised again, unless `none` or a format is given
   * here.
   */
  readonly guard?: GuardChoice;
}

/**
 * One backup: read-write from `startBackup`, read-only from `listBackups`. `addFile`, `endBackup` and `abortBackup`
 * work on read-write handles, `readFile` on read-only ones. Other calls throw `UsageError`.
 */
export interface BackupHandle {
  /** The series. */
  readonly directory: string;
  /** The name it was started with or, if it has none, its time and id (`2026-11-21.075342.123-1f2e3d4c`). */
  readonly name: string;
  /** Whether the handle is from `listBackups` and can only be read. */
  readonly isReadOnly: boolean;

  /**
   * Opens a stream into a new file of the backup. `path` is one name, or several separated by slashes. Many streams may
   * be open at once and written in any order: a write waits for free buffers, never for another stream. `close`
   * resolves when the file is stored. A stream that is aborted or fails ends the whole backup with that error. Throws
   * `UsageError` for a path that is malformed, taken, or leads through a file.
   */
  addFile(path: string, options?: AddFileOptions): WritableStream<Uint8Array>;

  /**
   * Commits the backup: all its files appear at once, or none if this rejects. Every stream must be closed first, which
   * `await writer.close()` ensures; an open stream ends the backup with `UsageError`. A backup without files is valid.
   *
   * Throws the error that ended the backup, `ExistsError` if another process took the name meanwhile, and what the
   * store throws. A committed backup is never reported as failed: if its lock cannot be removed, the world's
   * `onProblem` is called.
   */
  endBackup(options?: StorageCallOptions): Promise<WrittenBackup>;

  /**
   * Gives the backup up: nothing of it will appear, and its streams fail. Stored chunks remain for the next try until a
   * prune. It can be repeated, and called after a failed `endBackup`; throws `UsageError` after a successful one.
   */
  abortBackup(): Promise<void>;

  /**
   * Reads a file of the backup. If the stream ends normally, everything in it was verified; otherwise it fails with
   * `IntegrityError`. Throws `UsageError` if there is no such file. Memory: some megabytes for each open stream.
   */
  readFile(path: string, options?: StorageCallOptions): Promise<ReadableStream<Uint8Array>>;
}
