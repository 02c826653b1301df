/** How use cases get at a repository: opened while the source is already being read, locked, and let go at the end. */
import type { Clock } from "../base/clock.ts";
import { InterruptedError } from "../base/errors.ts";
import { acquireLock, type HeldLock, type LockTools } from "../repository/locks.ts";
import type { Identity } from "../repository/keys.ts";
import { openRepository, type Repository } from "../repository/repository.ts";
import type { BlobStore } from "../store/store.ts";

/** What the outside world gives to every use case. */
export interface World extends LockTools {
  readonly clock: Clock;
  readonly identity: Identity;
  readonly processExists: (pid: number) => boolean;
  readonly randomBytes: (count: number) => Uint8Array<ArrayBuffer>;
  /** Worker threads that seal and open blobs. */
  readonly blobThreads: number;
  /** Program name and version, for snapshots. */
  readonly programVersion: string;
}

/** Where a repository is and how it opens. Asked for once, as late as possible. */
export interface RepositoryAccess {
  readonly openStore: () => Promise<BlobStore>;
  readonly password: () => Promise<string>;
  /** How long to wait for a lock that somebody else holds, in milliseconds; 0 fails at once. */
  readonly retryLockMs: number;
}

/** Opens the repository; the store is closed again where that fails. */
export async function openAccess(access: RepositoryAccess, world: World): Promise<Repository> {
  const store = await access.openStore();
  try {
    return await openRepository(store, { password: await access.password(), randomBytes: world.randomBytes });
  } catch (error) {
    await store.close();
    throw error;
  }
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
    await repository.store.close();
  }
}

/** How `withLock` locks. */
export interface LockRequest {
  readonly exclusive: boolean;
  readonly retryLockMs: number;
  readonly signal?: AbortSignal;
}

/**
 * Runs `work` under a lock; the lock is gone afterwards, however `work` ends. Where the work failed that failure is thrown,
 * whatever became of the lock: the next one on this host removes what a dead process left.
 */
export async function withLock<T>(
  repository: Repository,
  world: World,
  request: LockRequest,
  work: (lock: HeldLock) => Promise<T>,
): Promise<T> {
  const lock = await acquireLock(repository.files, world, request);
  let result: T;
  try {
    result = await work(lock);
  } catch (error) {
    await lock.release().catch(() => {});
    throw error;
  }
  await lock.release();
  return result;
}

/** What is thrown in the place of `error`: where it only hands on why the signal was aborted, an `InterruptedError`. */
export function withoutAbortReason(error: unknown, signal: AbortSignal): unknown {
  return signal.aborted && error === signal.reason ? interruption(signal) : error;
}

/** The reason of an aborted signal, as an error of this project. */
export function interruption(signal: AbortSignal): InterruptedError {
  return signal.reason instanceof InterruptedError ? signal.reason : new InterruptedError();
}
