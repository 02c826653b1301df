/** Unlock: removes locks that other processes left behind. */
import type { FoundLock } from "../repository/lock/locks.ts";
import { openAccess, type RepositoryAccess, useCase, type UseCaseOptions } from "./access.ts";

/** Which locks to remove. */
export interface UnlockRequest {
  /** Remove all locks, even those in use; otherwise only stale ones. */
  readonly all: boolean;
}

/** Removes locks. Returns the removed ones. */
export function unlock(
  access: RepositoryAccess,
  request: UnlockRequest,
  options: UseCaseOptions,
): Promise<FoundLock[]> {
  return useCase(options, async () => {
    await using repository = await openAccess(access, options);
    return await repository.removeLocks(request);
  });
}
