/** Sealing straight from its description: AES of node:crypto, Poly1305 by big integers. To compare with. */
import { createCipheriv } from "node:crypto";
import type { SealingKeys } from "../../src/crypto/seal.ts";
import { poly1305Reference } from "./poly1305_reference.ts";

/** `nonce || C || tag` of `plaintext`. */
export function sealReference(keys: SealingKeys, nonce: Uint8Array, plaintext: Uint8Array): Uint8Array<ArrayBuffer> {
  return authenticate(keys, nonce, encipher("aes-256-ctr", keys.encrypt, nonce, plaintext));
}

/** `nonce || ciphertext || tag` with the right tag for any ciphertext. */
export function authenticate(
  keys: Pick<SealingKeys, "macK" | "macR">,
  nonce: Uint8Array,
  ciphertext: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const mask = encipher("aes-128-ecb", keys.macK, null, nonce);
  return new Uint8Array([...nonce, ...ciphertext, ...poly1305Reference(keys.macR, mask, ciphertext)]);
}

function encipher(algorithm: string, key: Uint8Array, nonce: Uint8Array | null, text: Uint8Array): Uint8Array {
  const cipher = createCipheriv(algorithm, key, nonce);
  cipher.setAutoPadding(false);
  const enciphered = cipher.update(text);
  cipher.final();
  return enciphered;
}
