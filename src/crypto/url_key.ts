/** The key that signs URLs: derived from the keys of the repository, so that nothing has to be kept or handed around. */
import type { Brand } from "../base/brand.ts";
import { concatBytes } from "../base/bytes.ts";
import { invariant } from "../base/errors.ts";
import { hkdf } from "./kdf.ts";
import type { SealingKeys } from "./seal.ts";

/** A key that signs URLs, 32 bytes. */
export type UrlKey = Uint8Array & Brand<"UrlKey">;

/** Length of the nonce of a generation in bytes. */
const NONCE_BYTES = 32;
const KEY_BYTES = 32;
/** Names the purpose of the key; keys for other purposes have other labels. */
const LABEL = "agent gateway url/1";

/**
 * The key of one generation: HKDF-SHA-256 of the repository's keys, with the nonce of the generation as salt. Another
 * generation gives another key, and every URL that was signed before is invalid.
 */
export function deriveUrlKey({ encrypt, macK, macR }: SealingKeys, nonce: Uint8Array<ArrayBuffer>): UrlKey {
  invariant(nonce.length === NONCE_BYTES, `The nonce of a generation has ${NONCE_BYTES} bytes, not ${nonce.length}`);
  const secret = concatBytes([encrypt, macK, clamped(macR)]);
  return hkdf(secret, LABEL, KEY_BYTES, nonce) as Uint8Array as UrlKey;
}

/** Poly1305's r as it is used. Versions of restic differ in whether a key file holds it so. */
function clamped(macR: Uint8Array): Uint8Array {
  const r = macR.slice();
  for (const i of [3, 7, 11, 15]) r[i]! &= 0x0f;
  for (const i of [4, 8, 12]) r[i]! &= 0xfc;
  return r;
}
