/**
 * AES-256-CTR over one long payload (NIST SP 800-38A, section 6.5), by the Web Crypto API.
 *
 * It computes eight blocks at a time, outside this thread, which takes less than half the CPU of `Ctr`. But each call
 * has a price, so that it only pays for long payloads.
 */
import { invariant } from "../base/errors.ts";
import { BLOCK_BYTES } from "./counter.ts";

const COUNTER_BITS = BLOCK_BYTES * 8;

/** Encrypts and decrypts under one key; in CTR both are the same operation. */
export class LongCtr {
  /** Forgotten as soon as the imported key replaces it. */
  #key: Uint8Array<ArrayBuffer> | Promise<CryptoKey>;

  /** `key`: 32 bytes. */
  constructor(key: Uint8Array) {
    this.#key = new Uint8Array(key);
  }

  /**
   * Applies the keystream that begins with the counter block `nonce` to `payload`. Owns: the result is the caller's.
   * Throws `BugError` if it has another length than the payload.
   */
  async apply(payload: Uint8Array<ArrayBuffer>, nonce: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
    if (this.#key instanceof Uint8Array) this.#key = importKey(this.#key);
    const parameters = { name: "AES-CTR", counter: nonce, length: COUNTER_BITS };
    const result = new Uint8Array(await crypto.subtle.encrypt(parameters, await this.#key, payload));
    invariant(result.length === payload.length, "AES-CTR must keep the length of the payload");
    return result;
  }
}

function importKey(bytes: Uint8Array<ArrayBuffer>): Promise<CryptoKey> {
  return crypto.subtle.importKey("raw", bytes, "AES-CTR", false, ["encrypt"]);
}
