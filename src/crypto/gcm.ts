/** AES-256-GCM (NIST SP 800-38D) with additional data and tags of 16 bytes, for values with passwords of their own. */

/** Bytes of a nonce. */
export const GCM_NONCE_BYTES = 12;
/** Bytes of the tag behind the ciphertext. */
const GCM_TAG_BYTES = 16;

/** What both directions need. */
interface GcmInput {
  /** 32 bytes. */
  readonly key: Uint8Array<ArrayBuffer>;
  /** 12 bytes that are never used twice with one key. */
  readonly nonce: Uint8Array<ArrayBuffer>;
  /** What is not encrypted, and must be the same when it is decrypted. */
  readonly additional: Uint8Array<ArrayBuffer>;
}

/** The ciphertext, with the tag behind it. */
export async function gcmEncrypt(
  plaintext: Uint8Array<ArrayBuffer>,
  { key, nonce, additional }: GcmInput,
): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await crypto.subtle.encrypt(algorithm(nonce, additional), await importKey(key), plaintext));
}

/** The plaintext; null if the tag does not match: wrong key, wrong additional data, or damage. */
export async function gcmDecrypt(
  sealed: Uint8Array<ArrayBuffer>,
  { key, nonce, additional }: GcmInput,
): Promise<Uint8Array<ArrayBuffer> | null> {
  if (sealed.length < GCM_TAG_BYTES) return null;
  try {
    return new Uint8Array(await crypto.subtle.decrypt(algorithm(nonce, additional), await importKey(key), sealed));
  } catch (error) {
    // The only failure that depends on what is decrypted.
    if (error instanceof DOMException && error.name === "OperationError") return null;
    throw error;
  }
}

function algorithm(iv: Uint8Array<ArrayBuffer>, additionalData: Uint8Array<ArrayBuffer>): AesGcmParams {
  return { name: "AES-GCM", iv, additionalData, tagLength: GCM_TAG_BYTES * 8 };
}

function importKey(bytes: Uint8Array<ArrayBuffer>): Promise<CryptoKey> {
  return crypto.subtle.importKey("raw", bytes, "AES-GCM", false, ["encrypt", "decrypt"]);
}
