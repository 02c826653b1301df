/** New passwords for a repository. */
import { type Password, RANDOM_PASSWORD_PARAMETERS } from "../crypto/kdf.ts";
import type { KeyTools } from "../repository/key_files.ts";
import type { World } from "./access.ts";

/** A password that does not open anything yet. */
export interface NewPassword {
  /** The password. */
  readonly password: Password;
  /** Whether it was made from 256 random bits, so that it cannot be guessed. */
  readonly isRandom: boolean;
  /**
   * Called before an error is thrown if the password certainly opens nothing, so that its file can be removed. Not
   * called if an answer of the store was lost, because the key may exist.
   */
  readonly onUnused?: () => Promise<void>;
}

/** The world for making a key with such a password. */
export function worldOfKey({ isRandom }: NewPassword, world: World): World & KeyTools {
  return isRandom ? { ...world, kdf: RANDOM_PASSWORD_PARAMETERS } : world;
}
