/** Repositories under a lock, for tests of what a use case does while it holds one. */
import type { HeldLock } from "../../src/repository/lock/held_lock.ts";
import { type LockedRepository, underLock, type UnlockedRepository } from "../../src/repository/repository.ts";

/** A lock that is never lost. */
const HELD_FOR_GOOD: HeldLock = { assertHeld: () => {}, confirmHeld: () => Promise.resolve() };

/** The repository under a lock that has no file. */
export function locked(repository: UnlockedRepository, lock: HeldLock = HELD_FOR_GOOD): LockedRepository {
  return underLock(repository, lock);
}
