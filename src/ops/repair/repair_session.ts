/** What the repairs share: how they hold the repository, and how they say that a store does not let them. */
import { DeniedError } from "../../base/errors.ts";
import type { ConfirmHeld } from "../../repository/lock/held_lock.ts";
import type { Repository } from "../../repository/repository.ts";
import { closeStore, openAccess, type RepositoryAccess, withLock, withoutCache, type World } from "../access.ts";
import { withoutAbortReason } from "../../base/abort.ts";

/** Options that every repair has. */
export interface RepairOptions {
  /** Stops the repair. */
  readonly signal: AbortSignal;
  /** Find out what would be done and change nothing. */
  readonly dryRun: boolean;
  /** Told as it gets on. */
  readonly onProgress?: (progress: RepairProgress) => void;
}

/** How far one part of a repair is: index files, packs, bytes of packs, backups, files that are replaced. */
export interface RepairProgress {
  /** Which part it is. */
  readonly phase: "index" | "packs" | "data" | "backups" | "write";
  /** How much of it is done. */
  readonly done: number;
  /** How much there is. */
  readonly total: number;
}

/** An open, locked repository. */
export interface RepairSession {
  readonly repository: Repository;
  /** Throws `LockedError` where the lock is lost; to be asked before anything is removed. */
  readonly confirmHeld: ConfirmHeld;
}

/**
 * Runs a repair on the store itself, past any cache: under an exclusive lock that is known to hold, or, where nothing is
 * to be changed, a shared one. Throws `DeniedError` that says so where the store lets nobody remove.
 */
export async function withRepairSession<T>(
  access: RepositoryAccess,
  world: World,
  { signal, dryRun }: RepairOptions,
  work: (session: RepairSession) => Promise<T>,
): Promise<T> {
  const repository = await openAccess(withoutCache(access), world);
  try {
    const request = { exclusive: !dryRun, retryLockMs: access.retryLockMs, signal };
    return await withLock(repository, world, request, async (lock) => {
      await lock.confirmed;
      return await work({ repository, confirmHeld: (how) => lock.confirmHeld(how) });
    });
  } catch (error) {
    if (error instanceof DeniedError) throw denied(error);
    throw withoutAbortReason(error, signal);
  } finally {
    await closeStore(repository.store, world);
  }
}

function denied(error: DeniedError): DeniedError {
  const advice =
    "a repair has to add and to remove files; where the store is append-only, run it on the store's machine";
  return new DeniedError(`The store does not let this client repair: ${error.message}; ${advice}`, { cause: error });
}
