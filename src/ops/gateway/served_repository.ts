/**
 * A repository that stays open to serve many readings at a time: one lock for all of them while there are some, one
 * index, and one budget of memory.
 */
import { unlessAborted } from "../../base/abort.ts";
import { AgentError, IntegrityError, NotFoundError } from "../../base/errors.ts";
import type { SnapshotId } from "../../base/id.ts";
import { Semaphore } from "../../base/limits.ts";
import { backupOf } from "../../backup/backup.ts";
import { SHARED_BATCH_BYTES, SHARED_READING_BYTES, sharedBatches } from "../../backup/buffers.ts";
import { readManifest } from "../../backup/content/contents.ts";
import type { ContentReading } from "../../backup/content/read_verified.ts";
import { KeptIndex } from "../../backup/kept_index.ts";
import { recoverBackup } from "../../backup/rewritten.ts";
import type { Snapshot } from "../../format/snapshot.ts";
import { type PipelineThreads, type StartingThreads, startThreads } from "../../pipeline/threads.ts";
import type { IndexedRepository } from "../../repository/repository.ts";
import { loadSnapshot } from "../../repository/snapshots.ts";
import { openAccess, type OpenedRepository, type RepositoryAccess, type World } from "../access.ts";
import type { ReadableBackup } from "../restore/get.ts";
import { CountedLock } from "./counted_lock.ts";
import { type ContentChoice, openContent, type ServedContent } from "./served_content.ts";

/** The backup that somebody asks for was forgotten. */
export class ForgottenError extends AgentError {}

/** How a repository is kept open. */
interface ServedOptions {
  /** Clock, identity, randomness and resources. */
  readonly world: World;
  /** Stops everything that is under way. */
  readonly signal: AbortSignal;
  /** Whether no lock is taken, for stores that cannot be written to. */
  readonly noLock: boolean;
}

/** How many contents may be looked for at a time: each may take large trees in memory. */
const OPENINGS_AT_ONCE = 4;
/** How many contents that were found are kept for the next readings of the same. */
const MOST_KEPT = 16;

/** Opens a repository. Throws what opening throws, and, unless told not to lock, what taking a lock throws. */
export async function openServedRepository(
  access: RepositoryAccess,
  options: ServedOptions,
): Promise<ServedRepository> {
  const { world, signal } = options;
  const starting = startThreads(world.blobThreads, { digest: false, needed: new Promise(() => {}) });
  try {
    const repository = await unlessAborted(signal, openAccess(access, { world, signal }));
    try {
      const threads = await starting.configure(repository.keys, "off");
      return new ServedRepository({ repository, access, starting, threads }, options);
    } catch (error) {
      await repository[Symbol.asyncDispose]();
      throw error;
    }
  } catch (error) {
    starting[Symbol.dispose]();
    throw error;
  }
}

/** What is open. */
interface OpenParts {
  readonly repository: OpenedRepository;
  readonly access: RepositoryAccess;
  readonly starting: StartingThreads;
  readonly threads: PipelineThreads;
}

/** An open repository for readers who come and go. Disposal closes it; nobody may read then. */
export class ServedRepository implements AsyncDisposable {
  readonly #parts: OpenParts;
  readonly #options: ServedOptions;
  readonly #index: KeptIndex;
  readonly #lock: CountedLock;
  readonly #openings = new Semaphore(OPENINGS_AT_ONCE);
  readonly #spare: Semaphore;
  /** What was found, by what was asked for; the latest last. */
  readonly #kept = new Map<string, Promise<ServedContent>>();
  #readers = 0;

  /** Made by `openServedRepository`. */
  constructor(parts: OpenParts, options: ServedOptions) {
    this.#parts = parts;
    this.#options = options;
    const { world, signal } = options;
    this.#spare = new Semaphore(sharedBatches(world));
    this.#index = new KeptIndex(parts.repository, {
      signal,
      onUnreadable: (problem) => world.onProblem?.(problem),
      onLoaded: () => this.#kept.clear(),
    });
    this.#lock = new CountedLock(parts.repository, { signal, onHeld: () => this.#index.refresh() });
  }

  /** The repository, for what is read beside backups. */
  get repository(): OpenedRepository {
    return this.#parts.repository;
  }

  /** Loads the index, and shows that a lock can be taken. Throws what prevents either. */
  async prepare(): Promise<void> {
    await this.#reading(() => Promise.resolve());
  }

  /** The repository with an index of all that is there. */
  openIndex(): Promise<IndexedRepository> {
    return this.#index.newest();
  }

  /**
   * Finds content of a backup and passes it to `work`. Under the shared lock, nothing of it can be removed meanwhile.
   * Throws `ForgottenError` if the snapshot is not there, `UsageError` if it does not hold what is wanted,
   * `IntegrityError` for damage, `LockedError` while somebody has the repository for himself, what the store throws, and
   * what `work` throws.
   */
  async read<T>(
    snapshotId: SnapshotId,
    choice: ContentChoice,
    work: (content: ServedContent) => Promise<T>,
  ): Promise<T> {
    return await this.#reading(async () => await work(await this.#find(snapshotId, choice)));
  }

  /** Ends the threads and closes the store. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#parts.starting[Symbol.dispose]();
    await this.#parts.repository[Symbol.asyncDispose]();
  }

  async #reading<T>(work: () => Promise<T>): Promise<T> {
    this.#readers++;
    try {
      if (!this.#options.noLock) return await this.#lock.hold(work);
      await this.#index.refresh();
      return await work();
    } finally {
      // While nobody reads, nothing keeps what was found from being removed.
      if (--this.#readers === 0) this.#kept.clear();
    }
  }

  async #find(snapshotId: SnapshotId, choice: ContentChoice): Promise<ServedContent> {
    const snapshot = await this.#loadSnapshot(snapshotId);
    const repository = await this.#index.knowing(snapshot.tree);
    const key = JSON.stringify([snapshotId, choice]);
    const known = this.#kept.get(key);
    const content = known ?? this.#open({ id: snapshotId, snapshot }, choice, repository);
    this.#keep(key, content);
    return await content;
  }

  #keep(key: string, content: Promise<ServedContent>): void {
    this.#kept.delete(key);
    this.#kept.set(key, content);
    content.catch(() => {
      if (this.#kept.get(key) === content) this.#kept.delete(key);
    });
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > MOST_KEPT) this.#kept.delete(oldest!);
  }

  /** A snapshot that is in the store: a cache may hold what was forgotten. */
  async #loadSnapshot(id: SnapshotId): Promise<Snapshot> {
    const { repository: { files } } = this.#parts;
    const { signal } = this.#options;
    try {
      if (await files.has("snapshot", id, { signal })) return await loadSnapshot(files, id, signal);
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error;
    }
    throw new ForgottenError(`The backup of snapshot ${id} was forgotten`);
  }

  async #open(
    stored: { readonly id: SnapshotId; readonly snapshot: Snapshot },
    choice: ContentChoice,
    repository: IndexedRepository,
  ): Promise<ServedContent> {
    const { world, signal } = this.#options;
    const { access, threads } = this.#parts;
    using _opening = await this.#openings.take({ signal });
    const backup = await recoverBackup(backupOf(stored), () => Promise.resolve(repository));
    if (backup.damage !== null) throw new IntegrityError(`Damaged backup ${backup.id}: ${backup.damage}`);
    const manifest = await readManifest(repository, backup);
    const found: ReadableBackup = { backup, manifest, reading: this.#readingOf(repository, threads) };
    const onProblem = (problem: AgentError) => world.onProblem?.(problem);
    return await openContent(found, choice, { world, cache: access.listCache, onProblem });
  }

  #readingOf(repository: IndexedRepository, threads: PipelineThreads): ContentReading {
    const { world: { bufferBytes = Infinity }, signal } = this.#options;
    return {
      repository,
      threads,
      signal,
      bufferBytes: Math.min(bufferBytes, SHARED_READING_BYTES),
      shared: { batchBytes: SHARED_BATCH_BYTES, spare: this.#spare },
    };
  }
}
