/** Passwords that are to open a repository. */
import { type Password, RANDOM_PASSWORD_PARAMETERS } from "../crypto/kdf.ts";
import type { KeyTools } from "../repository/key_files.ts";
import type { World } from "./access.ts";

/** A password that does not open anything yet. */
export interface NewPassword {
  /** The password. */
  readonly password: Password;
  /** Whether it was made of 256 random bits, so that nobody can guess it. */
  readonly isRandom: boolean;
  /**
   * Called before what failed is thrown, where it is certain that nothing opens with the password: what keeps it may go.
   * Where an answer of the store was lost, that is not certain, and it is not called.
   */
  readonly onUnused?: () => Promise<void>;
}

/** The world to make a key in for such a password. */
export function worldOfKey({ isRandom }: NewPassword, world: World): World & KeyTools {
  return isRandom ? { ...world, kdf: RANDOM_PASSWORD_PARAMETERS } : world;
}
