/**
 * AES over whole blocks, each on its own (ECB, NIST SP 800-38A, section 6.1): what keystreams and the masks of tags are
 * made of.
 *
 * The cipher of Deno's `node:crypto` copies its input in order to keep back what is no whole block. Here that never
 * happens, and an internal switch turns the copies off, which cost a quarter of the time. A self-test checks once whether the switch
 * does what it should; if not, it is left alone.
 */
import { type Cipheriv, createCipheriv } from "node:crypto";
import { equalBytes } from "../base/bytes.ts";
import { invariant } from "../base/errors.ts";
import { decodeHex } from "../base/hex.ts";
import { BLOCK_BYTES } from "./counter.ts";

/** Encrypts blocks under one key. Disposing of it frees the key schedule; it must not be used afterwards. */
export class BlockCipher implements Disposable {
  readonly #cipher: Cipheriv;

  /** `key`: 16 bytes for AES-128, 32 for AES-256. */
  constructor(key: Uint8Array) {
    this.#cipher = createCipher(key);
    if (copiesLess()) turnCopiesOff(this.#cipher);
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

function createCipher(key: Uint8Array): Cipheriv {
  const cipher = createCipheriv(`aes-${key.length * 8}-ecb`, key, null);
  cipher.setAutoPadding(false);
  return cipher;
}

/** Elsewhere, the property means nothing. */
function turnCopiesOff(cipher: Cipheriv): void {
  (cipher as { _needsBlockCache?: boolean })._needsBlockCache = false;
}

let isTested: boolean | undefined;

/** Whether a cipher that copies less gives the results of FIPS 197 (appendices B and C.3), call after call. */
function copiesLess(): boolean {
  return isTested ??= agrees("2b7e151628aed2a6abf7158809cf4f3c", {
    block: "3243f6a8885a308d313198a2e0370734",
    encrypted: "3925841d02dc09fbdc118597196a0b32",
  }) && agrees("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", {
    block: "00112233445566778899aabbccddeeff",
    encrypted: "8ea2b7ca516745bfeafc49904b496089",
  });
}

function agrees(key: string, { block, encrypted }: { block: string; encrypted: string }): boolean {
  try {
    const cipher = createCipher(decodeHex(key));
    turnCopiesOff(cipher);
    const agreesFor = (count: number) =>
      equalBytes(cipher.update(decodeHex(block.repeat(count))), decodeHex(encrypted.repeat(count)));
    const result = agreesFor(1) && agreesFor(300) && agreesFor(1);
    cipher.final();
    return result;
  } catch {
    // Any error here means that the switch does something else in this runtime.
    return false;
  }
}
