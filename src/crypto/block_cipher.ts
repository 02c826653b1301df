/**
 * AES over whole blocks, each on its own (ECB, NIST SP 800-38A, section 6.1): what keystreams and the masks of tags are
 * made of.
 */
import { type Cipheriv, createCipheriv } from "node:crypto";
import { invariant } from "../base/errors.ts";
import { BLOCK_BYTES } from "./counter.ts";

/** Encrypts blocks under one key. Disposing of it frees the key schedule; it must not be used afterwards. */
export class BlockCipher implements Disposable {
  readonly #cipher: Cipheriv;

  /** `key`: 16 bytes for AES-128, 32 for AES-256. */
  constructor(key: Uint8Array) {
    this.#cipher = createCipheriv(`aes-${key.length * 8}-ecb`, key, null);
    this.#cipher.setAutoPadding(false);
  }

  /**
   * Encrypts `blocks`, whose length is a multiple of 16. Owns: the result is the caller's, but may share its buffer with
   * others.
   */
  encrypt(blocks: Uint8Array): Uint8Array {
    invariant(blocks.length % BLOCK_BYTES === 0, `AES encrypts whole blocks, not ${blocks.length} bytes`);
    return this.#cipher.update(blocks);
  }

  [Symbol.dispose](): void {
    this.#cipher.final();
  }
}
