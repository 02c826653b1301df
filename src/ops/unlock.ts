/** Unlock: removes what others left behind of their locks. */
import { type FoundLock, removeLocks } from "../repository/lock/locks.ts";
import { type RepositoryAccess, withRepository, type World } from "./access.ts";

/** Removes stale locks, or all of them; gives what was removed. */
export function unlock(access: RepositoryAccess, options: { all: boolean }, world: World): Promise<FoundLock[]> {
  return withRepository(access, world, ({ files }) => removeLocks(files, world, options));
}
