/** The lock of a repository that is being made and that nobody else knows of yet. */
import type { HeldLock } from "../../src/repository/lock/held_lock.ts";

/** Holds for good, and there is no file of it. */
export const NOBODY_ELSE: HeldLock = { assertHeld: () => {}, confirmHeld: () => Promise.resolve() };
