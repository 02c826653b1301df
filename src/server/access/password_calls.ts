/** Runs bcrypt in a thread: it keeps the thread busy for 70 ms at cost 10, and twice as long for each further step. */
import { bcrypt, bcryptVerify } from "hash-wasm";
import type { Handlers } from "../../base/thread.ts";

/** The calls of a thread that verifies passwords. */
export type PasswordCalls = {
  readonly verifyPassword: { request: VerificationRequest; response: boolean };
};

/** A password to be verified. */
export interface VerificationRequest {
  readonly password: Uint8Array;
  /** The bcrypt hash; left out if any password would be wrong. */
  readonly hash?: string;
  /**
   * The costs of hashes that are computed only to spend time after a wrong password, so that each refusal takes equally
   * long.
   */
  readonly paddingCosts: readonly number[];
}

/** bcrypt uses only this many bytes of a password; htpasswd and Apache ignore the rest, too. */
const BCRYPT_BYTES = 72;

/** The handlers of `PasswordCalls`. */
export function passwordCalls(): Handlers<PasswordCalls> {
  return {
    async verifyPassword({ password: whole, hash, paddingCosts }) {
      const password = whole.subarray(0, BCRYPT_BYTES);
      if (hash !== undefined && await bcryptVerify({ password, hash })) return { response: true };
      for (const costFactor of paddingCosts) {
        await bcrypt({ password, salt: new Uint8Array(16), costFactor, outputType: "hex" });
      }
      return { response: false };
    },
  };
}
