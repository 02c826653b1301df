/**
 * One opening of a storage, from the first call to `close`: the repository, the reader, the backups being written, and
 * all calls in progress. When it is closed, everything it began has ended.
 */
import { InterruptedError } from "../../base/errors.ts";
import type { BackupName } from "../../format/manifest/series.ts";
import { openAccess, type OpenedRepository, type RepositoryAccess, type World } from "../access.ts";
import type { BackupRequest, WriteOptions } from "../session/backup_request.ts";
import { interruptible, unlessAborted } from "../../base/abort.ts";
import type { StorageCallOptions } from "./storage_handle.ts";
import { nameTaken } from "./storage_list.ts";
import { Reader } from "./storage_reader.ts";
import { WriteHandle } from "./storage_write.ts";

/** A backup to be written. */
interface NamedRequest {
  readonly name: BackupName;
  readonly request: BackupRequest;
  readonly options: WriteOptions & StorageCallOptions;
}

/** An opening. The repository is opened when a call first needs it. If that fails, the next call tries again. */
export class OpenedStorage {
  readonly #access: RepositoryAccess;
  readonly #world: World;
  readonly #closing = new AbortController();
  readonly #calls = new Set<Promise<unknown>>();
  /** Backups by `series/name`, from the claim of the name until the backup holds no more resources. */
  readonly #writing = new Map<string, WriteHandle>();
  #repository: Promise<OpenedRepository> | undefined;
  #reader: Reader | undefined;
  /** Settles when all requested removals are over. */
  #removals: Promise<unknown> = Promise.resolve();

  constructor(access: RepositoryAccess, world: World) {
    this.#access = access;
    this.#world = world;
  }

  /** Runs a call that its own signal and `close` can stop. `work` gets a signal for both. */
  async call<T>(
    outer: AbortSignal | undefined,
    work: (repository: OpenedRepository, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const closing = this.#closing.signal;
    const signal = outer ? AbortSignal.any([outer, closing]) : closing;
    const call = interruptible(signal, async () => {
      const repository = await this.#open(signal);
      signal.throwIfAborted();
      return await work(repository, signal);
    });
    this.#calls.add(call);
    try {
      return await call;
    } finally {
      this.#calls.delete(call);
    }
  }

  /** Runs a call with the reader, which is kept for later calls. */
  read<T>(outer: AbortSignal | undefined, work: (reader: Reader, signal: AbortSignal) => Promise<T>): Promise<T> {
    return this.call(outer, (repository, signal) => {
      const reader = this.#reader ??= this.#newReader(repository);
      return reader.use(signal, () => work(reader, signal));
    });
  }

  /**
   * Runs a removal after all earlier ones: their locks might block each other. An idle reader is closed first, because
   * its lock might also block the removal.
   */
  remove<T>(
    outer: AbortSignal | undefined,
    work: (repository: OpenedRepository, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const before = this.#removals;
    const removal = this.call(outer, async (repository, signal) => {
      await unlessAborted(signal, before);
      await this.#releaseIdleReader(signal);
      return await work(repository, signal);
    });
    this.#removals = Promise.allSettled([before, removal]);
    return removal;
  }

  /**
   * Begins a backup. Throws `ExistsError` if one of that name is being written, and what `WriteHandle.begun` throws.
   */
  async write({ name, request, options }: NamedRequest): Promise<WriteHandle> {
    const key = `${request.series}/${name}`;
    if (this.#writing.has(key)) throw nameTaken(request.series, name);
    const handle = new WriteHandle({
      open: (signal) => this.#open(signal),
      world: this.#world,
      name,
      request,
      options,
      onOver: () => void this.#writing.delete(key),
    });
    this.#writing.set(key, handle);
    await handle.begun();
    return handle;
  }

  /** Stops everything, waits until it has ended, and closes the store. Throws what closing throws. Call it once. */
  async close(): Promise<void> {
    const reason = new InterruptedError("The storage was closed");
    this.#closing.abort(reason);
    // Reads end when the reader stops, and backups when they are cancelled, so all must happen at once.
    const cancelled = [...this.#writing.values()].map((handle) => handle.cancel(reason));
    await Promise.allSettled([...cancelled, ...this.#calls, this.#reader?.close()]);
    // If the repository could not be opened, the callers already got that error.
    const repository = await this.#repository?.catch(() => undefined);
    await repository?.close();
  }

  /** Closes an idle reader to release its lock. */
  async #releaseIdleReader(signal: AbortSignal): Promise<void> {
    const reader = this.#reader;
    if (reader === undefined) return;
    await unlessAborted(signal, reader.stopped());
    if (reader.isBusy || this.#reader !== reader) return;
    this.#reader = undefined;
    // Those who read with it already got its error.
    await reader.close().catch(() => {});
  }

  #open(signal: AbortSignal): Promise<OpenedRepository> {
    return unlessAborted(signal, this.#repository ??= this.#beginToOpen());
  }

  #beginToOpen(): Promise<OpenedRepository> {
    const opening = openAccess(this.#access, { world: this.#world });
    opening.catch(() => this.#repository = undefined);
    return opening;
  }

  #newReader(repository: OpenedRepository): Reader {
    const reader = new Reader({ repository, world: this.#world });
    void reader.over().then(() => {
      if (this.#reader === reader) this.#reader = undefined;
    });
    return reader;
  }
}
