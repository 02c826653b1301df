/** The read-only handles of the storage interface, and what they read with. */
import { InterruptedError, UsageError } from "../base/errors.ts";
import { decodeHex } from "../base/hex.ts";
import type { Backup } from "../backup/backup.ts";
import { type BackupFile, listFiles, readManifest } from "../backup/contents.ts";
import { PipelineThreads } from "../pipeline/threads.ts";
import type { IndexedRepository } from "../repository/blob_reader.ts";
import { loadIndex } from "../repository/index_files.ts";
import type { Repository } from "../repository/repository.ts";
import { withLock, withoutAbortReason, type World } from "./access.ts";
import { readFile, type StreamSink } from "./get.ts";
import type { BackupHandle, StorageCallOptions } from "./storage_handle.ts";
import type { NamedBackup } from "./storage_list.ts";
import { unlessAborted } from "./storage_signals.ts";

/** What a `Reader` works with. */
export interface ReaderParts {
  readonly repository: Repository;
  readonly world: World;
  readonly retryLockMs: number;
}

/** Reads files of backups under one shared lock, with one index and one set of threads, until it is closed. */
export class Reader {
  readonly #parts: ReaderParts;
  readonly #threads: PipelineThreads;
  readonly #stop = new AbortController();
  readonly #ready = Promise.withResolvers<void>();
  readonly #closed = Promise.withResolvers<void>();
  readonly #finished: Promise<void>;
  /** What keeps the lock: calls, and streams that are not at their end. */
  readonly #uses = new Set<Promise<unknown>>();
  #indexed: Promise<IndexedRepository> | undefined;

  /** Begins to lock; the first read waits for that. */
  constructor(parts: ReaderParts) {
    this.#parts = parts;
    this.#threads = new PipelineThreads(parts.world.blobThreads);
    this.#ready.promise.catch(() => {});
    this.#finished = this.#perform();
    this.#finished.catch((error) => this.#ready.reject(error));
  }

  /** Whether somebody reads. */
  get isBusy(): boolean {
    return this.#uses.size > 0;
  }

  /** Runs `work`, during which the reader is busy. */
  async use<T>(work: () => Promise<T>): Promise<T> {
    const use = work();
    this.#uses.add(use);
    try {
      return await use;
    } finally {
      this.#uses.delete(use);
    }
  }

  /** The files of a backup. */
  async filesOf(backup: Backup, signal: AbortSignal): Promise<readonly BackupFile[]> {
    const repository = await this.#repositoryWith(backup, signal);
    return await listFiles(repository, backup, await readManifest(repository, backup));
  }

  /** A stream of a file that `filesOf` gave for this backup; the signal ends it at any moment. */
  async read(backup: Backup, file: BackupFile, signal: AbortSignal): Promise<ReadableStream<Uint8Array>> {
    const repository = await this.#repositoryWith(backup, signal);
    signal.throwIfAborted();
    return streamOf([signal, this.#stop.signal], (sink, signal) => {
      const reading = { repository, threads: this.#threads, options: { signal }, file, sink, guard: "none" } as const;
      return this.use(() => readFile(reading));
    });
  }

  /** Settles when it holds nothing any more: after `close`, or because it could not be locked. */
  async over(): Promise<void> {
    await Promise.allSettled([this.#finished]);
  }

  /** Ends what is being read, and lets lock and threads go. */
  async close(): Promise<void> {
    this.#stop.abort(new InterruptedError("The storage was closed"));
    this.#closed.resolve();
    await this.#finished;
  }

  async #perform(): Promise<void> {
    const { repository, world, retryLockMs } = this.#parts;
    try {
      await withLock(repository, world, { exclusive: false, retryLockMs, signal: this.#stop.signal }, async (lock) => {
        await Promise.all([this.#threads.configure(repository.keys, "off"), lock.confirmed]);
        this.#ready.resolve();
        await this.#closed.promise;
        while (this.isBusy) await Promise.allSettled(this.#uses);
      });
    } catch (error) {
      if (!this.#stop.signal.aborted || error !== this.#stop.signal.reason) throw error;
    } finally {
      this.#threads.terminate();
      this.#ready.reject(new InterruptedError("The storage was closed"));
    }
  }

  /** The index is loaded once, and again for a backup that came later: its root is in none that was loaded before. */
  async #repositoryWith({ snapshot }: Backup, signal: AbortSignal): Promise<IndexedRepository> {
    await unlessAborted(signal, this.#ready.promise);
    const loaded = this.#indexed;
    if (loaded !== undefined) {
      const repository = await unlessAborted(signal, loaded);
      if (repository.index.has("tree", decodeHex(snapshot.tree))) return repository;
    }
    if (this.#indexed === loaded) this.#indexed = this.#load();
    return await unlessAborted(signal, this.#indexed!);
  }

  #load(): Promise<IndexedRepository> {
    const { repository } = this.#parts;
    const options = { dataPlaces: true, signal: this.#stop.signal };
    const loading = loadIndex(repository.files, options).then((index) => ({ ...repository, index }));
    loading.catch(() => this.#indexed = undefined);
    return loading;
  }
}

/**
 * What `read` sends to its sink, as a stream that fails where `read` does; nothing is taken from the sink before somebody
 * wants it. `read` gets a signal that ends it together with the stream.
 */
function streamOf(
  signals: readonly AbortSignal[],
  read: (sink: StreamSink, signal: AbortSignal) => Promise<unknown>,
): ReadableStream<Uint8Array> {
  const cancelled = new AbortController();
  const signal = AbortSignal.any([...signals, cancelled.signal]);
  let wanted = Promise.withResolvers<void>();
  const write = async (bytes: Uint8Array) => {
    await wanted.promise;
    wanted = Promise.withResolvers<void>();
    signal.throwIfAborted();
    stream.enqueue(bytes.slice());
  };
  let stream: ReadableStreamDefaultController<Uint8Array>;
  return new ReadableStream<Uint8Array>({
    start(controller) {
      stream = controller;
      const interrupt = () => {
        stream.error(withoutAbortReason(signal.reason, signal));
        wanted.resolve();
      };
      signal.addEventListener("abort", interrupt);
      read({ write }, signal)
        .then(() => signal.aborted || stream.close(), (error) => stream.error(withoutAbortReason(error, signal)))
        .finally(() => signal.removeEventListener("abort", interrupt));
    },
    pull: () => wanted.resolve(),
    cancel: (reason) => cancelled.abort(reason),
  }, { highWaterMark: 0 });
}

/** Runs `work` with the reader there is at present; the signal it gets tells of the call's own one and of a close. */
export type ReadCall = <T>(
  signal: AbortSignal | undefined,
  work: (reader: Reader, signal: AbortSignal) => Promise<T>,
) => Promise<T>;

/** A backup that was listed. */
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
        throw new UsageError(`The backup ${JSON.stringify(this.name)} holds no file ${JSON.stringify(path)}`);
      }
      return await reader.read(this.#backup, file, signal);
    });
  }

  /** A backup of another tool may hold files that do not lie below the directory of its series. */
  #isAt({ path }: BackupFile, wanted: string): boolean {
    return path === `${this.directory}/${wanted}` || path === wanted;
  }

  #readOnly(call: string): UsageError {
    return new UsageError(
      `Cannot ${call}: the backup ${JSON.stringify(this.name)} was listed, which is for reading only`,
    );
  }
}
