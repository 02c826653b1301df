/** Keys derived from passwords, kept in memory for those who open one repository again and again. */
import { createHash } from "node:crypto";
import { encodeHex } from "../base/hex.ts";
import { type DeriveKey, deriveKey } from "./kdf.ts";
import type { SealingKeys } from "./seal.ts";

/** So many key files are tried before the password counts as wrong. */
const MOST_KEPT = 20;

/**
 * Derives each key once. What is kept is known by a digest of password, salt and cost, so a changed password is another
 * key. Nothing is kept after `forget`.
 */
export class KeptKeys {
  readonly #derive: DeriveKey;
  /** The one that was used last comes last. */
  readonly #kept = new Map<string, Promise<SealingKeys>>();
  #isOver = false;

  /** `derive` derives what is not kept. */
  constructor(derive: DeriveKey = deriveKey) {
    this.#derive = derive;
  }

  /** As `deriveKey`. The keys belong to the caller. */
  readonly derive: DeriveKey = async (password, salt, parameters) => {
    const { N, r, p } = parameters;
    const what = JSON.stringify([encodeHex(salt), N, r, p]);
    const name = createHash("sha256").update(what).update(password).digest("hex");
    const deriving = this.#kept.get(name) ?? this.#derive(password, salt, parameters);
    this.#keep(name, deriving);
    try {
      const { encrypt, macK, macR } = await deriving;
      return { encrypt: encrypt.slice(), macK: macK.slice(), macR: macR.slice() };
    } catch (error) {
      if (this.#kept.get(name) === deriving) this.#kept.delete(name);
      throw error;
    }
  };

  /** Overwrites what is kept. Later keys are derived anew. */
  async forget(): Promise<void> {
    this.#isOver = true;
    const kept = [...this.#kept.values()];
    this.#kept.clear();
    for (const derived of await Promise.allSettled(kept)) {
      if (derived.status === "fulfilled") Object.values(derived.value).forEach((key) => key.fill(0));
    }
  }

  #keep(name: string, deriving: Promise<SealingKeys>): void {
    if (this.#isOver) return;
    this.#kept.delete(name);
    this.#kept.set(name, deriving);
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= MOST_KEPT) break;
      this.#kept.delete(oldest);
    }
  }
}
