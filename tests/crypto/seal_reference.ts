/** Sealing straight from its description: AES of node:crypto, Poly1305 by big integers. To compare with. */
import { createCipheriv } from "node:crypto";
import type { SealingKeys } from "../../src/crypto/seal.ts";
import { poly1305Reference } from "./poly1305_reference.ts";

/** `nonce || C || tag` of `plaintext`. */
export function sealReference(keys: SealingKeys, nonce: Uint8Array, plaintext: Uint8Array): Uint8Array<ArrayBuffer> {
  const ciphertext = createCipheriv("aes-256-ctr", keys.encrypt, nonce).update(plaintext);
  return authenticate(keys, nonce, ciphertext);
}

/** `nonce || ciphertext || tag` with the right tag for any ciphertext. */
export function authenticate(
  keys: Pick<SealingKeys, "macK" | "macR">,
  nonce: Uint8Array,
  ciphertext: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const mask = createCipheriv("aes-128-ecb", keys.macK, null).update(nonce);
  return new Uint8Array([...nonce, ...ciphertext, ...poly1305Reference(keys.macR, mask, ciphertext)]);
}

/** The nonce that lies `blocks` blocks behind `start`. */
export function nonceAfter(start: Uint8Array, blocks: number): Uint8Array {
  const number = start.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n) + BigInt(blocks);
  return Uint8Array.from({ length: 16 }, (_, i) => Number((number >> BigInt(8 * (15 - i))) & 0xffn));
}
