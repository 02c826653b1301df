/** The lock of a repository that is being made, which no other process knows yet. */
import type { HeldLock } from "../../../src/repository/lock/held_lock.ts";

/** Always held, and without a file. */
export const NOBODY_ELSE: HeldLock = { assertHeld: () => {}, confirmHeld: () => Promise.resolve() };
