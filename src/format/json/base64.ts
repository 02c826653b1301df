/** Bytes in JSON: standard base64 with padding, as Go writes `[]byte`. */

/** The bytes as base64. */
export function encodeBase64(bytes: Uint8Array): string {
  return bytes.toBase64();
}

/** The bytes of a base64 text, or `null` if it is not valid base64. */
export function decodeBase64(text: string): Uint8Array<ArrayBuffer> | null {
  try {
    return Uint8Array.fromBase64(text, { lastChunkHandling: "strict" });
  } catch {
    return null;
  }
}
