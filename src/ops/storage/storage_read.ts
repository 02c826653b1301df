/** The read-only handle of the storage interface. */
import { UsageError } from "../../base/errors.ts";
import type { Backup } from "../../backup/backup.ts";
import type { BackupFile } from "../../backup/content/contents.ts";
import type { BackupHandle, StorageCallOptions } from "./storage_handle.ts";
import type { NamedBackup } from "./storage_list.ts";
import type { Reader } from "./storage_reader.ts";

/** Runs `work` with the current reader. Its signal combines the call's own signal and that of a close. */
export type ReadCall = <T>(
  signal: AbortSignal | undefined,
  work: (reader: Reader, signal: AbortSignal) => Promise<T>,
) => Promise<T>;

/** The handle of a listed backup. */
export class ReadHandle implements BackupHandle {
  readonly isReadOnly = true;
  readonly directory: string;
  readonly name: string;
  readonly #backup: Backup;
  readonly #read: ReadCall;
  #files: readonly BackupFile[] | undefined;

  constructor(directory: string, { name, backup }: NamedBackup, read: ReadCall) {
    this.directory = directory;
    this.name = name;
    this.#backup = backup;
    this.#read = read;
  }

  addFile(): never {
    throw this.#readOnly("addFile");
  }

  endBackup(): Promise<never> {
    return Promise.reject(this.#readOnly("endBackup"));
  }

  abortBackup(): Promise<never> {
    return Promise.reject(this.#readOnly("abortBackup"));
  }

  readFile(path: string, { signal: outer }: StorageCallOptions = {}): Promise<ReadableStream<Uint8Array>> {
    return this.#read(outer, async (reader, signal) => {
      const files = this.#files ??= await reader.filesOf(this.#backup, signal);
      const file = files.find((candidate) => this.#isAt(candidate, path));
      if (file === undefined) {
        throw new UsageError(
          `The backup ${JSON.stringify(this.name)} holds no file ${JSON.stringify(path)}; list its files`,
        );
      }
      return await reader.read(this.#backup, file, signal);
    });
  }

  /**
   * Whether a file has the wanted path. Files in backups of other tools may lie outside the directory of the series.
   */
  #isAt({ path }: BackupFile, wanted: string): boolean {
    return path === `${this.directory}/${wanted}` || path === wanted;
  }

  #readOnly(call: string): UsageError {
    return new UsageError(
      `Cannot ${call}: the backup ${
        JSON.stringify(this.name)
      } was listed, which is for reading only; start one to write`,
    );
  }
}
