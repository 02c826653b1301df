/**
 * The storage interface: backups of many files under a directory and a name, with the rules of Vitess's `BackupStorage`.
 *
 * A directory is a series. A backup is one commit, however many files are written to it at a time. The name is kept in the
 * backup's manifest; backups that were made otherwise are listed under their time and id.
 */
import { withoutCopies } from "../../backup/backup.ts";
import { UsageError } from "../../base/errors.ts";
import { withGivenName } from "../../backup/naming/backup_name.ts";
import { type BackupName, parseBackupName, parseNewSeries, type SeriesName } from "../../format/manifest/series.ts";
import type { DamagedSnapshot } from "../../repository/snapshots.ts";
import type { RepositoryAccess, World } from "../access.ts";
import { forget } from "../forget.ts";
import type { BackupRequest, WriteOptions } from "../session/session.ts";
import type { BackupHandle, StorageCallOptions } from "./storage_handle.ts";
import { loadNamed } from "./storage_list.ts";
import { OpenedStorage } from "./storage_opened.ts";
import { type ReadCall, ReadHandle } from "./storage_read.ts";

/** Options of `listBackups`. */
export interface ListBackupsOptions extends StorageCallOptions {
  /** Told of each snapshot that cannot be read, whose series nobody knows. Without it the first of them is thrown. */
  readonly onDamaged?: (damaged: DamagedSnapshot) => void;
}

/** Options of `startBackup`; what is not given is as for a put of this host. */
export interface StartBackupOptions extends StorageCallOptions, Partial<Omit<BackupRequest, "series">>, WriteOptions {}

/** Backups by directory and name. */
export interface BackupStorage {
  /**
   * Read-only handles of all backups of exactly this directory, sorted by the bytes of their names, oldest first where
   * names begin with the time. A directory that nobody has backed up lists as empty.
   */
  listBackups(directory: string, options?: ListBackupsOptions): Promise<BackupHandle[]>;

  /**
   * A read-write handle of a backup that will appear under this name when it is ended. Until then it holds a shared lock
   * and threads. The signal stops this call alone: what ends a backup that has begun is `abortBackup`, a signal of one of
   * its files, or that of `endBackup`. Throws `UsageError` for a name that cannot be one, `ExistsError` for one that is
   * listed or being written with this storage. Where another process starts the same name, the one that
   * ends later fails; only two that end within the same moment may both succeed, and then both are listed.
   */
  startBackup(directory: string, name: string, options?: StartBackupOptions): Promise<BackupHandle>;

  /**
   * Removes the backups of that name from the listing; their chunks go with the next prune. One that is not there counts as
   * removed. It goes beside everything that reads, writes or removes other backups, and the backups that continue this one
   * restore without it. Only the newest good backup of the directory on its host needs the repository to itself: where that
   * is to go, `LockedError` is thrown while anybody, this storage included, reads or writes. It is always thrown while
   * somebody holds an exclusive lock. Removals of one storage wait for each other, and for reads that were cancelled.
   */
  removeBackup(directory: string, name: string, options?: StorageCallOptions): Promise<void>;

  /**
   * Releases what the storage holds: connections, and from the first `readFile` on a shared lock and threads. What is
   * being written is aborted, what is being read and every call under way fails with `InterruptedError`, and nothing of
   * them goes on when this resolves. The storage can be used again. Throws what the closing of the store throws.
   */
  close(): Promise<void>;
}

/** The backups of a repository, which is opened when it is first needed. */
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
          // What somebody else removed meanwhile is not there any more, as it is meant to be.
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

  /** The opening that goes on until the next `close`. */
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
