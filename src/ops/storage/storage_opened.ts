/**
 * One opening of a storage, from the first call to `close`: the repository, the reader, the backups that are being written,
 * and every call that is under way. Whatever it began is over when it is closed.
 */
import { InterruptedError } from "../../base/errors.ts";
import type { BackupName } from "../../format/manifest/series.ts";
import { openAccess, type OpenedRepository, type RepositoryAccess, type World } from "../access.ts";
import type { BackupRequest, WriteOptions } from "../session/session.ts";
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

/** An opening. The repository is opened when a call first needs it; where that fails, the next call tries again. */
export class OpenedStorage {
  readonly #access: RepositoryAccess;
  readonly #world: World;
  readonly #closing = new AbortController();
  readonly #calls = new Set<Promise<unknown>>();
  /** By `series/name`, from the moment the name is claimed to the moment the backup holds nothing any more. */
  readonly #writing = new Map<string, WriteHandle>();
  #repository: Promise<OpenedRepository> | undefined;
  #reader: Reader | undefined;
  /** Settles when the removals that were asked for are over. */
  #removals: Promise<unknown> = Promise.resolve();

  constructor(access: RepositoryAccess, world: World) {
    this.#access = access;
    this.#world = world;
  }

  /** Runs a call, which its own signal and `close` stop; both are in the signal that `work` gets. */
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

  /** Runs a call with the reader, which is kept for the next one. */
  read<T>(outer: AbortSignal | undefined, work: (reader: Reader, signal: AbortSignal) => Promise<T>): Promise<T> {
    return this.call(outer, (repository, signal) => {
      const reader = this.#reader ??= this.#newReader(repository);
      return reader.use(signal, () => work(reader, signal));
    });
  }

  /**
   * Runs a removal, after those that were asked for before: side by side they might find each other's locks in their way.
   * Nor does the reader's lock stand in its way, unless somebody reads.
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

  /** Begins a backup. Throws `ExistsError` where one of that name is being written, and what `WriteHandle.begun` throws. */
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

  /** Stops everything, waits until it is over, and closes the store. Throws what that throws. To be called once. */
  async close(): Promise<void> {
    const reason = new InterruptedError("The storage was closed");
    this.#closing.abort(reason);
    // A call that reads is over when the reader stops, and so is a backup when it is cancelled: all at once.
    const cancelled = [...this.#writing.values()].map((handle) => handle.cancel(reason));
    await Promise.allSettled([...cancelled, ...this.#calls, this.#reader?.close()]);
    // Whoever asked for a repository that does not open has been told why.
    const repository = await this.#repository?.catch(() => undefined);
    await repository?.close();
  }

  /** Lets the reader's lock go where nobody reads on. */
  async #releaseIdleReader(signal: AbortSignal): Promise<void> {
    const reader = this.#reader;
    if (reader === undefined) return;
    await unlessAborted(signal, reader.stopped());
    if (reader.isBusy || this.#reader !== reader) return;
    this.#reader = undefined;
    // Whoever read with it was told what went wrong.
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
