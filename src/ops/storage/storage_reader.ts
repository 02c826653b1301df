/** What the read-only handles of the storage interface read with. */
import { InterruptedError } from "../../base/errors.ts";
import { decodeHex } from "../../base/hex.ts";
import type { Backup } from "../../backup/backup.ts";
import { type BackupFile, listFiles, readManifest } from "../../backup/contents.ts";
import { type PipelineThreads, startThreads } from "../../pipeline/threads.ts";
import type { IndexedRepository } from "../../repository/repository.ts";
import type { OpenedRepository, World } from "../access.ts";
import { readFile, type StreamSink } from "../get.ts";
import { unlessAborted, withoutAbortReason } from "../../base/abort.ts";
import { passingOver, withWholeIndex } from "../../backup/whole_index.ts";

/** What a `Reader` works with. */
interface ReaderParts {
  readonly repository: OpenedRepository;
  readonly world: World;
}

/** Reads files of backups under one shared lock, with one index and one set of threads, until it is closed. */
export class Reader {
  readonly #parts: ReaderParts;
  readonly #stop = new AbortController();
  /** The threads, once they are configured and the lock is known to hold. */
  readonly #ready = Promise.withResolvers<PipelineThreads>();
  readonly #closed = Promise.withResolvers<void>();
  readonly #finished: Promise<void>;
  /** What keeps the lock: calls, and streams that are not at their end; each with the signal that stops it. */
  readonly #uses = new Map<Promise<unknown>, AbortSignal>();
  #indexed: Promise<IndexedRepository> | undefined;

  /** Begins to lock; the first read waits for that. */
  constructor(parts: ReaderParts) {
    this.#parts = parts;
    this.#ready.promise.catch(() => {});
    this.#finished = this.#perform();
    this.#finished.catch((error) => this.#ready.reject(error));
  }

  /** Whether somebody reads. */
  get isBusy(): boolean {
    return this.#uses.size > 0;
  }

  /** Runs `work`, which the signal stops; the reader is busy until it is over. */
  async use<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const use = work();
    this.#uses.set(use, signal);
    try {
      return await use;
    } finally {
      this.#uses.delete(use);
    }
  }

  /** Resolves when everything is over that was stopped before: a stream that is cancelled reads on for a moment. */
  async stopped(): Promise<void> {
    const stopped = [...this.#uses].filter(([, signal]) => signal.aborted);
    await Promise.allSettled(stopped.map(([use]) => use));
  }

  /** The files of a backup. */
  async filesOf(backup: Backup, signal: AbortSignal): Promise<readonly BackupFile[]> {
    const repository = await this.#repositoryWith(backup, signal);
    return await listFiles(repository, backup, await readManifest(repository, backup));
  }

  /** A stream of a file that `filesOf` gave for this backup; the signal ends it at any moment. */
  async read(backup: Backup, file: BackupFile, signal: AbortSignal): Promise<ReadableStream<Uint8Array>> {
    const repository = await this.#repositoryWith(backup, signal);
    const threads = await this.#ready.promise;
    signal.throwIfAborted();
    return streamOf([signal, this.#stop.signal], (sink, signal) => {
      const { bufferBytes } = this.#parts.world;
      const tools = { repository, threads, bufferBytes };
      return this.use(signal, () => readFile({ ...tools, signal, file, sink, guard: "none" }));
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
    const { repository, world } = this.#parts;
    try {
      using starting = startThreads(world.blobThreads);
      await using lock = await repository.lock({ exclusive: false, signal: this.#stop.signal });
      const [threads] = await Promise.all([starting.configure(repository.keys, "off"), lock.confirmed]);
      this.#ready.resolve(threads);
      await this.#closed.promise;
      while (this.isBusy) await Promise.allSettled(this.#uses.keys());
    } catch (error) {
      if (!this.#stop.signal.aborted || error !== this.#stop.signal.reason) throw error;
    } finally {
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
    const loading = withWholeIndex(this.#parts.repository, passingOver(this.#parts.world, this.#stop.signal));
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
