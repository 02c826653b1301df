/** Random bytes as a dependency, so that tests can choose them. */

/** Gives `count` fresh random bytes, fit for keys and nonces; the caller may keep them. */
export type RandomBytes = (count: number) => Uint8Array<ArrayBuffer>;

/** Most bytes that a single call of the Web Crypto API returns. */
const QUOTA_BYTES = 65536;

/** The system's generator. */
export function systemRandomBytes(count: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(count);
  for (let offset = 0; offset < count; offset += QUOTA_BYTES) {
    crypto.getRandomValues(bytes.subarray(offset, offset + QUOTA_BYTES));
  }
  return bytes;
}
