/** Unlock: removes what others left behind of their locks. */
import type { FoundLock } from "../repository/lock/locks.ts";
import { openAccess, type RepositoryAccess, useCase, type UseCaseOptions } from "./access.ts";

/** Which locks to remove. */
export interface UnlockRequest {
  /** All of them, also those that protect somebody; else those that are stale. */
  readonly all: boolean;
}

/** Removes locks; gives what was removed. */
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
