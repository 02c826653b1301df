/**
 * The read-write handle of the storage interface: many streams go into one session, which is committed or given up at
 * the end.
 */
import { InterruptedError, UsageError } from "../../base/errors.ts";
import { type BackupName, parseStreamPath, type StreamPath } from "../../format/manifest/series.ts";
import type { GuardChoice } from "../../guard/guard.ts";
import { FeedGroup, type WritableFeed } from "../../pipeline/writable_feed.ts";
import { SegmentPool } from "../../pipeline/segments.ts";
import { startThreads } from "../../pipeline/threads.ts";
import type { Repository } from "../../repository/repository.ts";
import type { OpenedRepository, World } from "../access.ts";
import { SEGMENT_BYTES, segmentCount } from "../../backup/buffers.ts";
import type { BackupRequest, WriteOptions, WrittenBackup } from "../session/backup_request.ts";
import { withSession } from "../session/open_session.ts";
import type { Session } from "../session/session.ts";
import { refuseIncomplete } from "../session/stream_remarks.ts";
import { interruption } from "../../base/abort.ts";
import { ClaimedPaths } from "../session/reader/claimed_paths.ts";
import type { AddFileOptions, BackupHandle, StorageCallOptions } from "./storage_handle.ts";
import { hasOthers, loadNamed, namedOf, refuseTaken } from "./storage_list.ts";

/** What a read-write handle needs. */
interface WriteHandleParts {
  /** Returns the open repository, or throws the signal's reason. */
  readonly open: (signal: AbortSignal) => Promise<OpenedRepository>;
  readonly world: World;
  readonly name: BackupName;
  readonly request: BackupRequest;
  /** Its signal can end the backup until it has begun. */
  readonly options: WriteOptions & StorageCallOptions;
  /**
   * Called when the backup, committed or not, holds no more resources; before those who wait for its end are notified.
   */
  readonly onOver: () => void;
}

/** A file of the backup, being written or stored. */
interface WrittenFile {
  readonly feed: WritableFeed;
  readonly stream: WritableStreamDefaultController;
  isClosed: boolean;
}

export class WriteHandle implements BackupHandle {
  readonly isReadOnly = false;
  readonly #parts: WriteHandleParts;
  /**
   * Twice what one stream needs. With fewer, ten streams at a time pass on half-full segments, which costs a quarter
   * more CPU.
   */
  readonly #feeds: FeedGroup;
  readonly #files = new Map<StreamPath, WrittenFile>();
  readonly #paths = new ClaimedPaths();
  readonly #stores: Promise<void>[] = [];
  readonly #stop = new AbortController();
  readonly #begun = Promise.withResolvers<void>();
  /** Resolves when the backup is to be committed; rejects if it is not. */
  readonly #decided = Promise.withResolvers<void>();
  readonly #finished: Promise<WrittenBackup>;
  #session: Session | undefined;
  #ending: "ended" | "aborted" | undefined;
  #failure: { readonly error: unknown } | undefined;

  /**
   * Starts a backup; files can be added after `begun` resolves. The work starts, and `onOver` is called, only after the
   * constructor returns.
   */
  constructor(parts: WriteHandleParts) {
    this.#parts = parts;
    const count = 2 * segmentCount(parts.world);
    this.#feeds = new FeedGroup(new SegmentPool({ count, segmentBytes: SEGMENT_BYTES }));
    for (const { promise } of [this.#decided, this.#begun]) promise.catch(() => {});
    this.#finished = Promise.resolve().then(() => this.#perform());
    this.#finished.catch((error) => this.#begun.reject(error));
    this.#heed(parts.options.signal, this.#begun.promise);
  }

  get directory(): string {
    return this.#parts.request.series;
  }

  get name(): string {
    return this.#parts.name;
  }

  /**
   * Resolves when files can be added. Throws `ExistsError` if a backup of that name exists, an error if the repository
   * cannot be locked, and `InterruptedError` if the signal was aborted. Afterwards the signal has no effect.
   */
  async begun(): Promise<void> {
    await this.#begun.promise;
    const { signal } = this.#parts.options;
    if (!signal?.aborted) return;
    await this.cancel(interruption(signal));
    throw interruption(signal);
  }

  /** Gives the backup up for an outside reason. Resolves when all its work has ended. */
  async cancel(reason: InterruptedError): Promise<void> {
    this.#fail(reason);
    await Promise.allSettled([this.#finished]);
  }

  addFile(path: string, { guard, signal }: AddFileOptions = {}): WritableStream<Uint8Array> {
    this.#refuseEnded("addFile");
    if (this.#failure) throw this.#failure.error;
    const checked = parseStreamPath(path);
    this.#paths.claimFile(checked);
    const feed = this.#feeds.open();
    const stored = this.#store(checked, feed, guard);
    const stream = this.#streamInto(checked, feed, stored);
    this.#heed(signal, stored);
    return stream;
  }

  async endBackup({ signal }: StorageCallOptions = {}): Promise<WrittenBackup> {
    this.#refuseEnded("endBackup");
    this.#ending = "ended";
    this.#heed(signal, this.#finished);
    for (const [path, { isClosed }] of this.#files) {
      if (isClosed) continue;
      this.#fail(new UsageError(`The file "${path}" is still open: close it, and await that, before the backup ends`));
    }
    this.#decided.resolve();
    return await this.#finished;
  }

  async abortBackup(): Promise<void> {
    this.#ending ??= "aborted";
    this.#fail(new InterruptedError(`The backup ${JSON.stringify(this.name)} was aborted`));
    try {
      await this.#finished;
    } catch {
      return; // As requested, it is not committed.
    }
    throw new UsageError(
      `The backup ${JSON.stringify(this.name)} is committed: remove it, it cannot be aborted any more`,
    );
  }

  readFile(): Promise<never> {
    return Promise.reject(new UsageError("This backup is being written: list the backups to get a handle that reads"));
  }

  /** Runs the whole backup, and releases its resources at the end however it ends. */
  async #perform(): Promise<WrittenBackup> {
    const { open, world, request, options: { signal: _, ...options } } = this.#parts;
    const { signal } = this.#stop;
    try {
      signal.throwIfAborted();
      using threads = startThreads(world.blobThreads);
      const repository = await open(signal);
      await using lock = await repository.lock({ exclusive: false, signal });
      lock.confirmed.catch((error) => this.#fail(error));
      try {
        const tools = { ...options, repository, threads, world, lock, request, signal };
        return await withSession(tools, (session) => this.#write(session, repository));
      } catch (error) {
        this.#fail(error); // Before the lock is released, because an unconfirmed lock then fails with its own error.
        throw error;
      }
    } catch (error) {
      this.#fail(error);
      throw this.#failure?.error;
    } finally {
      this.#parts.onOver();
    }
  }

  async #write(session: Session, repository: Repository): Promise<WrittenBackup> {
    const { request: { series }, name } = this.#parts;
    refuseTaken(await namedOf(session.earlier, series, session.openIndex), series, name);
    this.#session = session;
    this.#begun.resolve();
    try {
      await this.#decided.promise;
      await Promise.all(this.#stores);
    } finally {
      await Promise.allSettled(this.#stores);
    }
    const confirm = async () => {
      if (!await hasOthers(repository, session.earlier, this.#stop.signal)) return;
      const { named } = await loadNamed(repository, series, this.#stop.signal);
      refuseTaken(named, series, name);
    };
    return await session.commit({ confirm });
  }

  async #store(path: StreamPath, feed: WritableFeed, guard: GuardChoice | undefined): Promise<void> {
    const stored = this.#session!.store({
      path,
      feed,
      guard: guard ?? "none",
      isGuardMeant: guard !== undefined && guard !== "auto",
      judge: (summary) => refuseIncomplete(`${this.directory}/${path}`, summary),
    });
    this.#stores.push(stored);
    try {
      await stored;
    } catch (error) {
      this.#fail(error);
      throw error;
    }
  }

  #streamInto(path: StreamPath, feed: WritableFeed, stored: Promise<void>): WritableStream<Uint8Array> {
    stored.catch(() => {});
    return new WritableStream<Uint8Array>({
      start: (stream) => void this.#files.set(path, { feed, stream, isClosed: false }),
      write: async (chunk) => {
        try {
          if (!(chunk instanceof Uint8Array)) {
            throw new UsageError(`Cannot write to "${path}": not a Uint8Array; encode texts first`);
          }
          await feed.write(chunk);
        } catch (error) {
          this.#fail(error);
          throw error;
        }
      },
      close: async () => {
        this.#files.get(path)!.isClosed = true;
        feed.end();
        await stored;
      },
      abort: (reason) => this.#fail(reason ?? new InterruptedError(`The file "${path}" was aborted`)),
    });
  }

  /** Lets a signal end the backup until `over` settles. */
  #heed(signal: AbortSignal | undefined, over: Promise<unknown>): void {
    if (signal === undefined) return;
    const interrupt = () => this.#fail(interruption(signal));
    if (signal.aborted) interrupt();
    signal.addEventListener("abort", interrupt);
    over.catch(() => {}).finally(() => signal.removeEventListener("abort", interrupt));
  }

  /** Ends the backup. The first error is the one that everyone gets. */
  #fail(error: unknown): void {
    if (this.#failure) return;
    this.#failure = { error };
    this.#decided.reject(error);
    for (const { feed, stream } of this.#files.values()) {
      feed.fail(error);
      stream.error(error);
    }
    this.#stop.abort(error);
  }

  #refuseEnded(call: string): void {
    if (this.#ending === undefined) return;
    throw new UsageError(
      `Cannot ${call}: the backup ${JSON.stringify(this.name)} was ${this.#ending} before; start another one`,
    );
  }
}
