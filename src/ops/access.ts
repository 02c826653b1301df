/**
 * How use cases access a repository: they open it while the source is already being read, lock it, and release it at
 * the end.
 */
import { AgentError, DeniedError, messageOf, StoreFullError, WrongPasswordError } from "../base/errors.ts";
import type { MemoryBudget } from "../base/memory_budget.ts";
import { interruptible, unlessAborted } from "../base/abort.ts";
import type { Argon2Parameters } from "../crypto/argon2.ts";
import { type DeriveKey, deriveKeyOn, type Password } from "../crypto/kdf.ts";
import type { Sealer } from "../crypto/seal.ts";
import { acquireLock } from "../repository/lock/held_lock.ts";
import type { KeyMemory } from "../repository/key_search.ts";
import { type FoundLock, type LockTools, removeLocks } from "../repository/lock/locks.ts";
import { KeptSnapshots } from "../repository/kept_snapshots.ts";
import { keptSnapshotsSealer } from "../repository/kept_snapshots_file.ts";
import { SortedTables } from "../repository/index/sorted/sorted_tables.ts";
import type { BuildProgress } from "../repository/index/sorted/build_table.ts";
import type { IdSpillLimits } from "../repository/index/noted_ids.ts";
import {
  type LockedRepository,
  openRepository,
  readingFrom,
  type Repository,
  underLock,
  type UnlockedRepository,
  withStore,
} from "../repository/repository.ts";
import { withCache } from "../store/cache/cached_store.ts";
import type { CacheOptions } from "../store/cache/folder.ts";
import { Spill, type SpillLimits } from "../store/spill/spill.ts";
import type { BlobStore } from "../store/store.ts";
import type { ObserveRepository } from "../repository/observer.ts";
import { refuseMissingFolders } from "../repository/missing_folders.ts";

/** What every use case gets from the outside world. */
export interface World extends LockTools, MemoryBudget {
  /** Returns this many fresh random bytes, fit for keys. */
  readonly randomBytes: (count: number) => Uint8Array<ArrayBuffer>;
  /** The cost of deriving a key from the password of a value; tests use a low one. */
  readonly valueKdf?: Argon2Parameters;
  /** Program name and version, for snapshots. */
  readonly programVersion: string;
  /** Called with problems that do not stop the work; optional. */
  readonly onProblem?: (problem: AgentError) => void;
  /**
   * Called while the index on disk is made or extended, which the first work in a large repository waits for, and with
   * null at the end of that; absent if nobody watches.
   * @internal
   */
  readonly onIndexing?: ((progress: BuildProgress | null) => void) | undefined;
  /**
   * Begins to observe a repository that a use case opened or made; absent if nobody does.
   * @internal
   */
  readonly observe?: ObserveRepository | undefined;
}

/** The options that every use case takes besides its access and its request. */
export interface UseCaseOptions {
  /** Clock, identity, randomness and resources. */
  readonly world: World;
  /** Stops the use case, which then throws `InterruptedError`. Without it the use case cannot be stopped. */
  readonly signal?: AbortSignal | undefined;
}

/** The options of use cases that begin only if nobody objects. */
export interface GatedOptions extends UseCaseOptions {
  /**
   * Called once, when the repository is open and locked and what is meant has been found, before anything is changed;
   * not in a dry run. If it throws, nothing is changed, and the use case throws the same.
   */
  readonly begin?: (() => Promise<void>) | undefined;
}

/** Asks whether to begin. Throws what `begin` throws, or the signal's reason if that comes first. */
export async function passGate({ begin }: Pick<GatedOptions, "begin">, signal: AbortSignal): Promise<void> {
  if (begin !== undefined) await unlessAborted(signal, begin());
}

/** Runs the work of a use case and passes it the signal that stops it. */
export function useCase<T>({ signal }: UseCaseOptions, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const stopping = signal ?? new AbortController().signal;
  return interruptible(stopping, () => work(stopping));
}

/** Where a repository is and how to open it. Its functions are called as late as possible. */
export interface RepositoryAccess {
  /** Opens the store. The use case closes it. */
  readonly openStore: () => Promise<BlobStore>;
  /** Returns the password. */
  readonly password: () => Promise<Password>;
  /** Returns another password after a wrong one; undefined, or absent, if there is none. */
  readonly otherPassword?: () => Promise<Password | undefined>;
  /** How long to wait for another process's lock, in milliseconds; 0 fails at once. */
  readonly retryLockMs: number;
  /** The cache for files that are read repeatedly; undefined, or absent, for stores that are near. */
  readonly cache?: () => Promise<CacheAccess | undefined>;
  /**
   * The cache for what takes long to find out, for stores that are near, too; undefined, or absent, if nothing is to be
   * kept.
   */
  readonly listCache?: () => Promise<CacheAccess | undefined>;
  /**
   * The cache whose directory takes files that only this process reads, for work that must see what the store itself
   * holds and so has no other cache; by default `listCache`.
   */
  readonly spillCache?: () => Promise<CacheAccess | undefined>;
  /**
   * Remembers which key file of the store at this location opened last on this machine; absent if nothing is to be
   * remembered.
   */
  readonly keyMemory?: (location: string) => KeyMemory | undefined;
  /**
   * Derives the keys of passwords, for those who open the repository many times and keep what was derived; absent if each
   * use case derives anew.
   * @internal
   */
  readonly deriveKey?: DeriveKey;
}

/** The cache of this machine. */
export interface CacheAccess {
  /** The cache directory of all repositories; it need not exist. */
  readonly directory: string;
  /** The limit for all repositories together, in bytes. */
  readonly limitBytes: number;
  /** Called if nothing can be cached. The work continues without a cache. */
  readonly onProblem?: (problem: AgentError) => void;
  /**
   * How many bytes all index files together must have to be kept in a sorted form, too; by default those of 200,000
   * blobs. Tests pass less.
   * @internal
   */
  readonly sortedFromBytes?: number;
  /**
   * How much of the tables of a check or a prune stays in memory; tests pass less.
   * @internal
   */
  readonly spillLimits?: SpillLimits;
  /**
   * How many ids of what a backup stores stay in memory; tests pass less.
   * @internal
   */
  readonly idLimits?: IdSpillLimits;
  /**
   * From how many snapshots on what they say is kept on this machine; by default 64. Tests pass less.
   * @internal
   */
  readonly keptFromSnapshots?: number;
}

/** The same access without caches, for work that must see what the store itself holds. Its tables may still spill. */
export function withoutCache({ cache: _, listCache, ...access }: RepositoryAccess): RepositoryAccess {
  return { ...access, ...listCache && { spillCache: listCache } };
}

/**
 * An open repository, for reading. To change it, take a lock, which gives access to the writable repository. Disposal
 * closes the store as `closeStore` does.
 */
export interface OpenedRepository extends Repository, AsyncDisposable {
  /**
   * Writes a lock as soon as no other lock excludes it; retries for as long as the access allows. Throws `LockedError`,
   * what the store throws, and the signal's reason.
   */
  lock(request: LockRequest): Promise<TakenLock>;
  /** Removes stale locks, or all locks, as `removeLocks` does. */
  removeLocks(options: { readonly all: boolean }): Promise<FoundLock[]>;
  /** Closes the store. Throws what the store throws. */
  close(): Promise<void>;
}

/** How `OpenedRepository.lock` locks. */
interface LockRequest {
  readonly exclusive: boolean;
  readonly signal?: AbortSignal | undefined;
  /**
   * Whether the work is also possible without a lock, or the option that says so if it is not `--no-lock`. If the store
   * accepts no lock, or has no room for one, the error then recommends that.
   */
  readonly canDoWithout?: boolean | "--from-no-lock";
}

/**
 * A lock whose file is written. Disposal removes it and never throws: a lock that cannot be removed does not change the
 * result of the work, so the world's `onProblem` is called instead. Such a lock is no longer refreshed, and the next
 * process that recognises it as stale removes it.
 */
export interface TakenLock extends AsyncDisposable {
  /**
   * The repository for changes. Resolves once the lock is known to exclude conflicting locks; rejects with
   * `LockedError` otherwise. Before that, read only what does not decide what is written or removed.
   */
  readonly confirmed: Promise<LockedRepository>;
}

/** Opens the repository. Closes the store again if that fails or the signal is aborted. */
export async function openAccess(
  access: RepositoryAccess,
  { world, signal }: UseCaseOptions,
): Promise<OpenedRepository> {
  const store = await access.openStore();
  try {
    const repository = await openWithPassword(store, access, world);
    // A repository without its snapshots looks empty, and a prune would empty it. This happens if a disk is not
    // mounted.
    await refuseMissingFolders(store, ["snapshot"]);
    signal?.throwIfAborted();
    const { cached, kept } = await withCaches(repository, access, world);
    return opened(cached, kept, access, world);
  } catch (error) {
    await closeStore(store, world);
    throw error;
  }
}

/** The repository with what this machine keeps of it, as far as the access has caches. */
async function withCaches(
  repository: UnlockedRepository,
  access: RepositoryAccess,
  world: World,
): Promise<{ cached: UnlockedRepository; kept: KeptSnapshots | undefined }> {
  const optionsOf = (cache: CacheAccess) => cacheOptions(repository, cache, world);
  const files = await access.cache?.();
  const lists = await access.listCache?.();
  const spills = lists ?? await access.spillCache?.();
  const sortedIndex = lists && {
    cache: optionsOf(lists),
    worthBytes: lists.sortedFromBytes,
    idLimits: lists.idLimits,
    onProgress: world.onIndexing,
  };
  const whole = {
    ...repository,
    sortedIndex,
    sortedTables: sortedIndex && new SortedTables(sortedIndex),
    spill: spills && new Spill(optionsOf(spills), spills.spillLimits),
  };
  const makeSealer = () => keptSnapshotsSealer(repository.keys, world.randomBytes);
  return {
    cached: files === undefined ? whole : withStore(whole, withCache(whole.store, optionsOf(files))),
    kept: lists && keptSnapshots(optionsOf(lists), makeSealer, lists),
  };
}

/**
 * What is kept of snapshots. Problems are not told of: who cannot write there is told by the cache of a store on another
 * machine, and loses little with one that is near.
 */
function keptSnapshots(
  { onProblem: _, ...options }: CacheOptions,
  makeSealer: () => Sealer,
  { keptFromSnapshots }: CacheAccess,
): KeptSnapshots {
  return new KeptSnapshots(options, makeSealer, keptFromSnapshots);
}

/**
 * Runs a use case that only reads: under a shared lock that is known to hold, or without one if `noLock` says so. Throws
 * what opening, locking and the work throw.
 */
export async function readingUseCase<T>(
  access: RepositoryAccess,
  { noLock }: { readonly noLock: boolean },
  options: UseCaseOptions,
  work: (repository: OpenedRepository, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  return await useCase(options, async (signal) => {
    await using repository = await openAccess(access, options);
    await using lock = noLock ? undefined : await repository.lock({ exclusive: false, canDoWithout: true, signal });
    await lock?.confirmed;
    return await work(repository, signal);
  });
}

function opened(
  repository: UnlockedRepository,
  kept: KeptSnapshots | undefined,
  { retryLockMs }: RepositoryAccess,
  world: World,
): OpenedRepository {
  const { store, sortedIndex, sortedTables, spill } = repository;
  const ciphers = repository.sealer.keepCiphers();
  const release = async () => {
    await sortedTables?.[Symbol.asyncDispose]();
    spill?.[Symbol.dispose]();
    ciphers[Symbol.dispose]();
  };
  return {
    ...readingFrom(repository, store, kept),
    sortedIndex,
    sortedTables,
    spill,
    lock: (request) => takeLock(repository, { ...request, retryLockMs }, world),
    removeLocks: (options) => removeLocks(repository.files, world, options),
    async close() {
      await release();
      await store.close();
    },
    async [Symbol.asyncDispose]() {
      await release();
      await closeStore(store, world);
    },
  };
}

async function takeLock(
  repository: UnlockedRepository,
  request: LockRequest & { readonly retryLockMs: number },
  world: World,
): Promise<TakenLock> {
  const lock = await acquireLock(repository.files, world, request).catch((error) => {
    const { canDoWithout = false } = request;
    if (canDoWithout === false) throw error;
    throw withoutLockError(error, canDoWithout === true ? "--no-lock" : canDoWithout);
  });
  const confirmed = lock.confirmed.then((held) => underLock(repository, held));
  // Those who wait for the confirmation get the rejection. Work that ended earlier ignores it.
  confirmed.catch(() => {});
  return {
    confirmed,
    [Symbol.asyncDispose]: () => lock.release().catch((error) => world.onProblem?.(remainingLock(error))),
  };
}

async function openWithPassword(
  store: BlobStore,
  access: RepositoryAccess,
  world: World,
): Promise<UnlockedRepository> {
  let password: Password | undefined = await access.password();
  for (;;) {
    try {
      return await openRepository(store, {
        password,
        randomBytes: world.randomBytes,
        keyMemory: access.keyMemory?.(store.location),
        deriveKey: access.deriveKey ?? deriveKeyOn(world.keyThreads),
        onProblem: world.onProblem,
        observe: world.observe,
      });
    } catch (error) {
      if (!(error instanceof WrongPasswordError)) throw error;
      password = await access.otherPassword?.();
      if (password === undefined) throw error;
    }
  }
}

/** Closes a store. A failure does not change the result of the work, so it is reported to the world and not thrown. */
export async function closeStore(store: BlobStore, { onProblem }: World): Promise<void> {
  try {
    await store.close();
  } catch (error) {
    onProblem?.(new AgentError(`The store could not be closed: ${messageOf(error)}`, { cause: error }));
  }
}

/** How a cache is used for an open repository. */
function cacheOptions(
  { config }: UnlockedRepository,
  { directory, limitBytes, onProblem }: CacheAccess,
  { clock, randomBytes }: World,
): CacheOptions {
  return { directory, limitBytes, repositoryId: config.id, clock, random: randomBytes, ...onProblem && { onProblem } };
}

/** The error with the advice to do without a lock, if the store refuses it or is full: it can still be read. */
function withoutLockError(error: unknown, option: string): unknown {
  const advice = `to read a store that takes no lock, use ${option}`;
  if (error instanceof DeniedError) return new DeniedError(`${error.message}; ${advice}`, { cause: error });
  if (error instanceof StoreFullError) return new StoreFullError(`${error.message}; ${advice}`, { cause: error });
  return error;
}

function remainingLock(error: unknown): AgentError {
  const advice = 'it keeps others from removing until "agent unlock" removes it';
  return new AgentError(`The lock could not be removed: ${messageOf(error)}; ${advice}`, { cause: error });
}
