/**
 * The storage interface: backups of many files under a directory and a name, with the rules of Vitess's
 * `BackupStorage`.
 *
 * A directory is a series. A backup is one commit, however many files are written at once. The name is kept in the
 * backup's manifest. Other backups are listed under their time and id.
 */
import { withoutCopies } from "../../backup/backup.ts";
import { UsageError } from "../../base/errors.ts";
import { withGivenName } from "../../backup/naming/backup_name.ts";
import { type BackupName, parseBackupName, parseNewSeries, type SeriesName } from "../../format/manifest/series.ts";
import type { DamagedSnapshot } from "../../repository/snapshots.ts";
import type { RepositoryAccess, World } from "../access.ts";
import { forget } from "../forget.ts";
import type { BackupRequest, WriteOptions } from "../session/backup_request.ts";
import type { BackupHandle, StorageCallOptions } from "./storage_handle.ts";
import { loadNamed } from "./storage_list.ts";
import { OpenedStorage } from "./storage_opened.ts";
import { type ReadCall, ReadHandle } from "./storage_read.ts";

/** Options of `listBackups`. */
export interface ListBackupsOptions extends StorageCallOptions {
  /**
   * Called for each snapshot that cannot be read, because its series is unknown. Without it, the first error is thrown.
   */
  readonly onDamaged?: (damaged: DamagedSnapshot) => void;
}

/** Options of `startBackup`. The defaults are those of a put on this host. */
export interface StartBackupOptions extends StorageCallOptions, Partial<Omit<BackupRequest, "series">>, WriteOptions {}

/** Backups by directory and name. */
export interface BackupStorage {
  /**
   * Returns read-only handles of all backups of exactly this directory, sorted by the bytes of their names; so they are
   * oldest first if names begin with the time. A directory without backups gives an empty list.
   */
  listBackups(directory: string, options?: ListBackupsOptions): Promise<BackupHandle[]>;

  /**
   * Returns a read-write handle of a backup that will appear under this name when it is ended. Until then it holds a
   * shared lock and threads.
   *
   * The signal stops only this call. To stop a backup that has begun, use `abortBackup`, the signal of one of its
   * files, or that of `endBackup`. Throws `UsageError` for an invalid name, and `ExistsError` for a name that is listed
   * or being written with this storage. If another process starts the same name, the one that ends later fails. If both
   * end at the same moment, both may succeed; then both are listed.
   */
  startBackup(directory: string, name: string, options?: StartBackupOptions): Promise<BackupHandle>;

  /**
   * Removes the backups of that name from the listing; the next prune frees their chunks. A name that does not exist
   * counts as removed.
   *
   * Other backups can be read, written and removed meanwhile, and the backups that continue this one still restore.
   * Only the newest good backup of the directory on its host needs an exclusive lock: its removal throws `LockedError`
   * while anyone, including this storage, reads or writes. Every removal throws `LockedError` while another process
   * holds an exclusive lock. Removals of one storage wait for each other, and for reads that were cancelled.
   */
  removeBackup(directory: string, name: string, options?: StorageCallOptions): Promise<void>;

  /**
   * Releases what the storage holds: connections, and, since the first `readFile`, a shared lock and threads. Backups
   * being written are aborted. Reads and other calls in progress fail with `InterruptedError`. All of them have ended
   * when this resolves. The storage can be used again. Throws what closing the store throws.
   */
  close(): Promise<void>;
}

/** A storage on a repository, which is opened on first use. */
export function openStorage(access: RepositoryAccess, world: World): BackupStorage {
  return new RepositoryStorage(access, world);
}

class RepositoryStorage implements BackupStorage {
  readonly #access: RepositoryAccess;
  readonly #world: World;
  #opened: OpenedStorage | undefined;
  readonly #closings = new Set<Promise<void>>();

  constructor(access: RepositoryAccess, world: World) {
    this.#access = access;
    this.#world = world;
  }

  listBackups(directory: string, { signal: outer, onDamaged }: ListBackupsOptions = {}): Promise<BackupHandle[]> {
    return this.#current().call(outer, async (repository, signal) => {
      const { named, damaged } = await loadNamed(repository, directory, signal);
      for (const snapshot of damaged) {
        if (onDamaged === undefined) throw snapshot.error;
        onDamaged(snapshot);
      }
      const read: ReadCall = (stop, work) => this.#current().read(stop, work);
      const listed = new Set(withoutCopies(named.map(({ backup }) => backup)));
      return named.filter(({ backup }) => listed.has(backup)).map((found) => new ReadHandle(directory, found, read));
    });
  }

  async startBackup(directory: string, name: string, options: StartBackupOptions = {}): Promise<BackupHandle> {
    const series = parseNewSeries(directory);
    const backupName = parseBackupName(name);
    const request = this.#requestFor(series, backupName, options);
    return await this.#current().write({ name: backupName, request, options });
  }

  removeBackup(directory: string, name: string, { signal: outer }: StorageCallOptions = {}): Promise<void> {
    return this.#current().remove(outer, async (repository, signal) => {
      const selectorsLeft = async () => {
        const { named } = await loadNamed(repository, directory, signal);
        return named.filter((backup) => backup.name === name).map(({ backup }) => `@${backup.snapshotId}`);
      };
      for (let selectors = await selectorsLeft(); selectors.length > 0;) {
        try {
          const options = { world: this.#world, allowLast: true, signal };
          return void await forget(this.#access, { kind: "backups", selectors }, options);
        } catch (error) {
          const left = await selectorsLeft();
          // If others removed some of the backups meanwhile, the goal is reached for these: try again with the rest.
          if (!(error instanceof UsageError) || left.length >= selectors.length) throw error;
          selectors = left;
        }
      }
    });
  }

  async close(): Promise<void> {
    const opened = this.#opened;
    this.#opened = undefined;
    if (opened) {
      const closing = opened.close();
      this.#closings.add(closing);
      closing.catch(() => {}).finally(() => this.#closings.delete(closing));
    }
    await Promise.all(this.#closings);
  }

  /** The current opening, which lasts until the next `close`. */
  #current(): OpenedStorage {
    return this.#opened ??= new OpenedStorage(this.#access, this.#world);
  }

  #requestFor(series: SeriesName, name: BackupName, options: StartBackupOptions): BackupRequest {
    const { identity, programVersion } = this.#world;
    const { engine = { name: "storage", version: programVersion, options: {} } } = options;
    return {
      series,
      engine: { ...engine, options: withGivenName(engine.options, name) },
      chunkAverage: options.chunkAverage,
      compression: options.compression ?? "auto",
      tags: options.tags ?? [],
      host: options.host ?? identity.hostname,
      runType: options.runType ?? null,
      time: options.time,
      ...(options.minOfParent !== undefined && { minOfParent: options.minOfParent }),
      ...options.levelRules && { levelRules: options.levelRules },
    };
  }
}
