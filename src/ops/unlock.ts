/** Unlock: removes what others left behind of their locks. */
import { type FoundLock, removeLocks } from "../repository/lock/locks.ts";
import { type RepositoryAccess, withRepository, type World } from "./access.ts";

/** Which locks to remove. */
export interface UnlockOptions {
  /** Those of processes at work, too; else only stale ones. */
  readonly all: boolean;
}

/** Removes stale locks, or all of them; gives what was removed. */
export function unlock(access: RepositoryAccess, options: UnlockOptions, world: World): Promise<FoundLock[]> {
  return withRepository(access, world, ({ files }) => removeLocks(files, world, options));
}
