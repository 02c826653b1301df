/** How use cases get at a repository: opened while the source is already being read, locked, and let go at the end. */
import { AgentError, DeniedError, messageOf, WrongPasswordError } from "../base/errors.ts";
import type { MemoryBudget } from "../base/memory_budget.ts";
import { interruptible } from "../base/abort.ts";
import type { Password } from "../crypto/kdf.ts";
import { acquireLock } from "../repository/lock/held_lock.ts";
import type { KeyMemory } from "../repository/key_search.ts";
import { type FoundLock, type LockTools, removeLocks } from "../repository/lock/locks.ts";
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
import type { BlobStore } from "../store/store.ts";
import { refuseMissingFolders } from "../repository/missing_folders.ts";

/** What the outside world gives to every use case. */
export interface World extends LockTools, MemoryBudget {
  /** Gives so many fresh random bytes, fit for keys. */
  readonly randomBytes: (count: number) => Uint8Array<ArrayBuffer>;
  /** Program name and version, for snapshots. */
  readonly programVersion: string;
  /** Told of what went wrong without undoing what was done; absent where nobody wants to know. */
  readonly onProblem?: (problem: AgentError) => void;
}

/** What every use case takes besides where the repository is and what it is asked for. */
export interface UseCaseOptions {
  /** What the outside world gives. */
  readonly world: World;
  /** Stops the use case, which then throws `InterruptedError`; without it nothing does. */
  readonly signal?: AbortSignal | undefined;
}

/** Runs the work of a use case, with the signal that stops it. */
export function useCase<T>({ signal }: UseCaseOptions, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const stopping = signal ?? new AbortController().signal;
  return interruptible(stopping, () => work(stopping));
}

/** Where a repository is and how it opens. Asked for once, as late as possible. */
export interface RepositoryAccess {
  /** Opens the store; the use case closes it. */
  readonly openStore: () => Promise<BlobStore>;
  /** Gives the password. */
  readonly password: () => Promise<Password>;
  /** Asked for another password where one was wrong; undefined, or absent, where there is no other. */
  readonly otherPassword?: () => Promise<Password | undefined>;
  /** How long to wait for a lock that somebody else holds, in milliseconds; 0 fails at once. */
  readonly retryLockMs: number;
  /** Where copies of what is read again and again are kept; undefined, or absent, for stores that are near. */
  readonly cache?: () => Promise<CacheAccess | undefined>;
  /** Which key file of the store at that place opened last on this machine; absent where nobody is to remember it. */
  readonly keyMemory?: (location: string) => KeyMemory | undefined;
}

/** The cache of this machine. */
export interface CacheAccess {
  /** The cache directory of all repositories; it need not exist. */
  readonly directory: string;
  /** How much it may hold, of all repositories together. */
  readonly limitBytes: number;
  /** Told where nothing can be kept; the work goes on without a cache. */
  readonly onProblem?: (problem: AgentError) => void;
}

/** The same access past the cache: for what has to see what the store itself holds. */
export function withoutCache({ cache: _, ...access }: RepositoryAccess): RepositoryAccess {
  return access;
}

/**
 * An open repository. It can be read; whoever changes it takes a lock, and gets what can be written to from that. Disposing
 * of it closes its store as `closeStore` does.
 */
export interface OpenedRepository extends Repository, AsyncDisposable {
  /**
   * Writes a lock, once no other one is seen to exclude it; tries for as long as the access says. Throws `LockedError`, what
   * the store throws, and the signal's reason.
   */
  lock(request: LockRequest): Promise<TakenLock>;
  /** Removes stale locks, or all of them, as `removeLocks` does. */
  removeLocks(options: { readonly all: boolean }): Promise<FoundLock[]>;
  /** Closes the store. Throws what that throws. */
  close(): Promise<void>;
}

/** How `OpenedRepository.lock` locks. */
interface LockRequest {
  readonly exclusive: boolean;
  readonly signal?: AbortSignal | undefined;
  /** Whether the work can be done without a lock, where the store takes none: said to whoever is refused. */
  readonly canDoWithout?: boolean;
}

/**
 * A lock whose file is written. Disposing of it removes it, and never throws: a lock that cannot be removed changes nothing
 * of what came of the work, so the world's `onProblem` is told. Such a lock is refreshed no more; the next process that can
 * tell that this one is gone removes it.
 */
export interface TakenLock extends AsyncDisposable {
  /**
   * The repository as it may be changed: resolves when the lock is known to exclude what it has to, rejects with
   * `LockedError` otherwise. Until then everything can be read that decides nothing about what is written or removed.
   */
  readonly confirmed: Promise<LockedRepository>;
}

/** Opens the repository; the store is closed again where that fails, or where the signal is aborted by then. */
export async function openAccess(
  access: RepositoryAccess,
  { world, signal }: UseCaseOptions,
): Promise<OpenedRepository> {
  const store = await access.openStore();
  try {
    const repository = await openWithPassword(store, access, world);
    // Without its snapshots, as where a disk is not mounted, a repository looks as empty as a prune would make it.
    await refuseMissingFolders(store, ["snapshot"]);
    signal?.throwIfAborted();
    const cache = await access.cache?.();
    return opened(cache === undefined ? repository : cached(repository, cache, world), access, world);
  } catch (error) {
    await closeStore(store, world);
    throw error;
  }
}

function opened(repository: UnlockedRepository, { retryLockMs }: RepositoryAccess, world: World): OpenedRepository {
  return {
    ...readingFrom(repository, repository.store),
    lock: (request) => takeLock(repository, { ...request, retryLockMs }, world),
    removeLocks: (options) => removeLocks(repository.files, world, options),
    close: () => repository.store.close(),
    [Symbol.asyncDispose]: () => closeStore(repository.store, world),
  };
}

async function takeLock(
  repository: UnlockedRepository,
  request: LockRequest & { readonly retryLockMs: number },
  world: World,
): Promise<TakenLock> {
  const lock = await acquireLock(repository.files, world, request).catch((error) => {
    throw request.canDoWithout && error instanceof DeniedError ? withoutLockError(error) : error;
  });
  const confirmed = lock.confirmed.then((held) => underLock(repository, held));
  // Whoever waits for it is told; work that is over before that is not.
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
        onProblem: world.onProblem,
      });
    } catch (error) {
      if (!(error instanceof WrongPasswordError)) throw error;
      password = await access.otherPassword?.();
      if (password === undefined) throw error;
    }
  }
}

/** Closes a store. That it cannot be closed changes nothing of what was done, so the world is told and nothing thrown. */
export async function closeStore(store: BlobStore, { onProblem }: World): Promise<void> {
  try {
    await store.close();
  } catch (error) {
    onProblem?.(new AgentError(`The store could not be closed: ${messageOf(error)}`, { cause: error }));
  }
}

function cached(
  repository: UnlockedRepository,
  cache: CacheAccess,
  { clock, randomBytes }: World,
): UnlockedRepository {
  const options = { ...cache, repositoryId: repository.config.id, clock, random: randomBytes };
  return withStore(repository, withCache(repository.store, options));
}

/** A store that cannot be written to holds no locks, and is read all the same. */
function withoutLockError(error: DeniedError): DeniedError {
  return new DeniedError(`${error.message}; to read a store that takes no lock, use --no-lock`, { cause: error });
}

function remainingLock(error: unknown): AgentError {
  const advice = 'it keeps others from removing until "agent unlock" removes it';
  return new AgentError(`The lock could not be removed: ${messageOf(error)}; ${advice}`, { cause: error });
}
