/** How use cases get at a repository: opened while the source is already being read, locked, and let go at the end. */
import { AgentError, DeniedError, messageOf, WrongPasswordError } from "../base/errors.ts";
import type { MemoryBudget } from "../base/memory_budget.ts";
import type { Password } from "../crypto/kdf.ts";
import { acquireLock, type AcquireOptions, type HeldLock } from "../repository/lock/held_lock.ts";
import type { KeyMemory } from "../repository/key_search.ts";
import type { LockTools } from "../repository/lock/locks.ts";
import { openRepository, type Repository, withStore } from "../repository/repository.ts";
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

/** Opens the repository; the store is closed again where that fails. */
export async function openAccess(access: RepositoryAccess, world: World): Promise<Repository> {
  const store = await access.openStore();
  try {
    const repository = await openWithPassword(store, access, world);
    // Without its snapshots, as where a disk is not mounted, a repository looks as empty as a prune would make it.
    await refuseMissingFolders(store, ["snapshot"]);
    const cache = await access.cache?.();
    return cache === undefined ? repository : cached(repository, cache, world);
  } catch (error) {
    await closeStore(store, world);
    throw error;
  }
}

async function openWithPassword(store: BlobStore, access: RepositoryAccess, world: World): Promise<Repository> {
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

function cached(repository: Repository, cache: CacheAccess, { clock, randomBytes }: World): Repository {
  const options = { ...cache, repositoryId: repository.config.id, clock, random: randomBytes };
  return withStore(repository, withCache(repository.store, options));
}

/** Runs `work` on an open repository and closes it. */
export async function withRepository<T>(
  access: RepositoryAccess,
  world: World,
  work: (repository: Repository) => Promise<T>,
): Promise<T> {
  const repository = await openAccess(access, world);
  try {
    return await work(repository);
  } finally {
    await closeStore(repository.store, world);
  }
}

/** How `withLock` locks. For how long it tries is for its callers to say, so that none forgets what somebody asked for. */
export interface LockRequest extends AcquireOptions {
  readonly retryLockMs: number;
  /** Whether the work can be done without a lock, where the store takes none: said to whoever is refused. */
  readonly canDoWithout?: boolean;
}

/**
 * Runs `work` under a lock, which is removed afterwards, however `work` ends. A lock that cannot be removed does not change
 * what came of the work: where that failed, its failure is thrown, and where it is done, the world's `onProblem` is told.
 * Such a lock is refreshed no more; the next process that can tell that this one is gone removes it.
 */
export async function withLock<T>(
  repository: Repository,
  world: World,
  request: LockRequest,
  work: (lock: HeldLock) => Promise<T>,
): Promise<T> {
  const lock = await acquireLock(repository.files, world, request).catch((error) => {
    throw request.canDoWithout && error instanceof DeniedError ? withoutLockError(error) : error;
  });
  let result: T;
  try {
    result = await work(lock);
  } catch (error) {
    await lock.release().catch(() => {});
    throw error;
  }
  await lock.release().catch((error) => world.onProblem?.(remainingLock(error)));
  return result;
}

/** A store that cannot be written to holds no locks, and is read all the same. */
function withoutLockError(error: DeniedError): DeniedError {
  return new DeniedError(`${error.message}; to read a store that takes no lock, use --no-lock`, { cause: error });
}

function remainingLock(error: unknown): AgentError {
  const advice = 'it keeps others from removing until "agent unlock" removes it';
  return new AgentError(`Done, but the lock could not be removed: ${messageOf(error)}; ${advice}`, { cause: error });
}
