/**
 * The storage interface: backups of many files under a directory and a name, with the rules of Vitess's `BackupStorage`.
 *
 * A directory is a series. A backup is one commit, however many files are written to it at a time. The name is kept in the
 * backup's manifest; backups that were made otherwise are listed under their time and id.
 */
import { InterruptedError } from "../base/errors.ts";
import { withGivenName } from "../backup/backup_name.ts";
import { type BackupName, parseBackupName, parseSeries, type SeriesName } from "../format/series.ts";
import type { Repository } from "../repository/repository.ts";
import type { DamagedSnapshot } from "../repository/snapshots.ts";
import { openAccess, type RepositoryAccess, withoutAbortReason, type World } from "./access.ts";
import { forget } from "./forget.ts";
import type { BackupRequest, WriteOptions } from "./session.ts";
import type { BackupHandle, StorageCallOptions } from "./storage_handle.ts";
import { loadNamed, nameTaken, withoutCopies } from "./storage_list.ts";
import { Reader, ReadHandle } from "./storage_read.ts";
import { WriteHandle } from "./storage_write.ts";

const CLOSED = "The storage was closed";

/** Options of `listBackups`. */
export interface ListBackupsOptions extends StorageCallOptions {
  /** Told of each snapshot that cannot be read, whose series nobody knows. Without it the first of them is thrown. */
  readonly onDamaged?: (damaged: DamagedSnapshot) => void;
}

/** Options of `startBackup`; what is not given is as for a put of this host. */
export interface StartBackupOptions
  extends StorageCallOptions, Partial<Omit<BackupRequest, "series">>, Omit<WriteOptions, "signal"> {}

/** Backups by directory and name. */
export interface BackupStorage {
  /**
   * Read-only handles of all backups of exactly this directory, sorted by the bytes of their names, oldest first where
   * names begin with the time. A directory that nobody has backed up lists as empty.
   */
  listBackups(directory: string, options?: ListBackupsOptions): Promise<BackupHandle[]>;

  /**
   * A read-write handle of a backup that will appear under this name when it is ended. Until then it holds a shared lock
   * and threads, and the signal may end it at any moment. Throws `UsageError` for a name that cannot be one, `ExistsError`
   * for one that is listed or being written with this storage. Where another process starts the same name, the one that
   * ends later fails; only two that end within the same moment may both succeed, and then both are listed.
   */
  startBackup(directory: string, name: string, options?: StartBackupOptions): Promise<BackupHandle>;

  /**
   * Removes the backups of that name from the listing; their chunks go with the next prune. One that is not there counts as
   * removed. Throws `LockedError` while anybody, this storage included, reads or writes a backup in the repository.
   */
  removeBackup(directory: string, name: string, options?: StorageCallOptions): Promise<void>;

  /**
   * Releases what the storage holds: connections, and from the first `readFile` on a shared lock and threads. What is
   * being written is aborted, what is being read fails. The storage can be used again.
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
  #repository: Promise<Repository> | undefined;
  #reader: Reader | undefined;
  /** By `series/name`; undefined while the repository is being opened for it. */
  readonly #writing = new Map<string, WriteHandle | undefined>();

  constructor(access: RepositoryAccess, world: World) {
    this.#access = access;
    this.#world = world;
  }

  async listBackups(directory: string, options: ListBackupsOptions = {}): Promise<BackupHandle[]> {
    const { signal, onDamaged } = options;
    return await untilAborted(signal, async () => {
      const repository = await this.#open();
      const { named, damaged } = await loadNamed(repository, directory, signal);
      for (const snapshot of damaged) {
        if (onDamaged === undefined) throw snapshot.error;
        onDamaged(snapshot);
      }
      return withoutCopies(named).map((backup) => new ReadHandle(directory, backup, () => this.#openReader()));
    });
  }

  async startBackup(directory: string, name: string, options: StartBackupOptions = {}): Promise<BackupHandle> {
    const series = parseSeries(directory);
    const backupName = parseBackupName(name);
    const key = `${series}/${backupName}`;
    if (this.#writing.has(key)) throw nameTaken(series, name);
    this.#writing.set(key, undefined);
    const onOver = () => void this.#writing.delete(key);
    const repository = await untilAborted(options.signal, () => this.#open()).catch((error) => {
      onOver();
      throw error;
    });
    const request = this.#requestFor(series, backupName, options);
    const handle = new WriteHandle({ ...this.#tools(repository), name: backupName, request, options, onOver });
    this.#writing.set(key, handle);
    await handle.begun();
    return handle;
  }

  async removeBackup(directory: string, name: string, { signal }: StorageCallOptions = {}): Promise<void> {
    await untilAborted(signal, async () => {
      // Its own lock must not stand in the way where nobody needs it.
      if (this.#reader?.isBusy === false) await this.#closeReader();
      const { named } = await loadNamed(await this.#open(), directory, signal);
      const selectors = named.filter((backup) => backup.name === name).map(({ backup }) => `@${backup.snapshotId}`);
      if (selectors.length === 0) return;
      const options = { allowLast: true, ...signal && { signal } };
      await forget(this.#access, { kind: "backups", selectors }, this.#world, options);
    });
  }

  async close(): Promise<void> {
    await Promise.all([...this.#writing.values()].map((handle) => handle?.cancel(new InterruptedError(CLOSED))));
    await this.#closeReader();
    const opening = this.#repository;
    this.#repository = undefined;
    // Whoever asked for a repository that does not open has been told why.
    const repository = await opening?.catch(() => undefined);
    await repository?.store.close();
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
    };
  }

  #tools(repository: Repository) {
    return { repository, world: this.#world, retryLockMs: this.#access.retryLockMs };
  }

  /** The open repository; where it cannot be opened, the next call tries again. */
  async #open(): Promise<Repository> {
    const opening = this.#repository ??= openAccess(this.#access, this.#world);
    try {
      const repository = await opening;
      if (this.#repository === opening) return repository;
    } catch (error) {
      if (this.#repository === opening) this.#repository = undefined;
      throw error;
    }
    throw new InterruptedError(CLOSED);
  }

  /** The reader; one that could not be locked is replaced at the next call. */
  async #openReader(): Promise<Reader> {
    const repository = await this.#open();
    if (this.#reader) return this.#reader;
    const reader = new Reader(this.#tools(repository));
    this.#reader = reader;
    void reader.over().then(() => {
      if (this.#reader === reader) this.#reader = undefined;
    });
    return reader;
  }

  async #closeReader(): Promise<void> {
    const reader = this.#reader;
    this.#reader = undefined;
    await reader?.close();
  }
}

/** Runs `work`; where the signal stops it, it throws an `InterruptedError`. */
async function untilAborted<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
  try {
    signal?.throwIfAborted();
    return await work();
  } catch (error) {
    throw signal ? withoutAbortReason(error, signal) : error;
  }
}
