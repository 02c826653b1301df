/** Inside a thread: bcrypt, which keeps a thread busy for 70 ms at cost 10, and twice as long for each step. */
import { bcrypt, bcryptVerify } from "hash-wasm";
import type { Handlers } from "../../base/thread.ts";

/** What is asked of a thread that verifies passwords. */
export type PasswordCalls = {
  readonly verifyPassword: { request: VerificationRequest; response: boolean };
};

/** A password to be compared. */
export interface VerificationRequest {
  readonly password: Uint8Array;
  /** The bcrypt hash; absent where the password is wrong whatever it is. */
  readonly hash?: string;
  /** Costs of the hashes that are computed in vain where the password is wrong, so that each answer takes as long. */
  readonly paddingCosts: readonly number[];
}

/** bcrypt looks at so many bytes of a password; htpasswd and Apache pass the others over, too. */
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
