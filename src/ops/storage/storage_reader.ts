/** The reader that the read-only handles of the storage interface share. */
import { InterruptedError } from "../../base/errors.ts";
import { decodeHex } from "../../base/hex.ts";
import type { Backup } from "../../backup/backup.ts";
import { type BackupFile, listFiles, readManifest } from "../../backup/content/contents.ts";
import { type PipelineThreads, startThreads } from "../../pipeline/threads.ts";
import type { IndexedRepository } from "../../repository/repository.ts";
import type { OpenedRepository, World } from "../access.ts";
import { streamOf } from "../../base/byte_source.ts";
import { readVerified } from "../../backup/content/read_verified.ts";
import { unlessAborted } from "../../base/abort.ts";
import { loadWholeIndex, passingOver } from "../../backup/whole_index.ts";

/** What a `Reader` needs. */
interface ReaderParts {
  readonly repository: OpenedRepository;
  readonly world: World;
}

/** Reads files of backups under one shared lock, with one index and one set of threads, until it is closed. */
export class Reader {
  readonly #parts: ReaderParts;
  readonly #stop = new AbortController();
  /** The threads, once they are configured and the lock is confirmed. */
  readonly #ready = Promise.withResolvers<PipelineThreads>();
  readonly #closed = Promise.withResolvers<void>();
  readonly #finished: Promise<void>;
  /** What keeps the lock: calls and unfinished streams, each with the signal that stops it. */
  readonly #uses = new Map<Promise<unknown>, AbortSignal>();
  #indexed: Promise<IndexedRepository> | undefined;

  /** Begins to lock the repository. The first read waits for the lock. */
  constructor(parts: ReaderParts) {
    this.#parts = parts;
    this.#ready.promise.catch(() => {});
    this.#finished = this.#perform();
    this.#finished.catch((error) => this.#ready.reject(error));
  }

  /** Whether anyone is reading. */
  get isBusy(): boolean {
    return this.#uses.size > 0;
  }

  /** Runs `work`, which the signal stops. The reader is busy until it ends. */
  async use<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const use = work();
    this.#uses.set(use, signal);
    try {
      return await use;
    } finally {
      this.#uses.delete(use);
    }
  }

  /** Resolves when all stopped uses have ended: a cancelled stream reads on for a moment. */
  async stopped(): Promise<void> {
    const stopped = [...this.#uses].filter(([, signal]) => signal.aborted);
    await Promise.allSettled(stopped.map(([use]) => use));
  }

  /** The files of a backup. */
  async filesOf(backup: Backup, signal: AbortSignal): Promise<readonly BackupFile[]> {
    const repository = await this.#repositoryWith(backup, signal);
    return await listFiles(repository, backup, await readManifest(repository, backup));
  }

  /** A stream of a file that `filesOf` returned for this backup. The signal can end it at any moment. */
  async read(backup: Backup, file: BackupFile, signal: AbortSignal): Promise<ReadableStream<Uint8Array>> {
    const repository = await this.#repositoryWith(backup, signal);
    const threads = await this.#ready.promise;
    signal.throwIfAborted();
    return streamOf([signal, this.#stop.signal], (sink, signal) => {
      const { bufferBytes } = this.#parts.world;
      const tools = { repository, threads, bufferBytes };
      return this.use(signal, () => readVerified({ ...tools, signal, file, sink, guard: "none", md5: false }));
    });
  }

  /** Resolves when the reader holds no more resources: after `close`, or because it could not lock. */
  async over(): Promise<void> {
    await Promise.allSettled([this.#finished]);
  }

  /** Ends all reads, and releases lock and threads. */
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

  /**
   * The repository with an index that knows the backup's root tree. The index is loaded once, and again if a newer
   * backup's root is not in it.
   */
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
    const loading = loadWholeIndex(this.#parts.repository, passingOver(this.#parts.world, this.#stop.signal));
    loading.catch(() => this.#indexed = undefined);
    return loading;
  }
}
