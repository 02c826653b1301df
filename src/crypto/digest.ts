/** SHA-256 and MD5 of bytes in memory and of streams. */
import { createHash, type Hash, hash } from "node:crypto";
import { Md5 } from "./md5/md5.ts";

/** SHA-256 of `bytes` (shared memory is allowed): 32 bytes that are the caller's. */
export function sha256(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(hash("sha256", bytes, "buffer"));
}

/** SHA-256 of `bytes` (shared memory is allowed) as 64 lower-case hex digits. */
export function sha256Hex(bytes: Uint8Array): string {
  return hash("sha256", bytes, "hex");
}

/** The length of an MD5 in bytes. */
export const MD5_BYTES = 16;

/** MD5 of `bytes` (shared memory is allowed) as 32 lower-case hex digits. */
export function md5Hex(bytes: Uint8Array): string {
  return hash("md5", bytes, "hex");
}

/** The digests of a stream as lower-case hex, as `md5sum` and `sha256sum` print them. */
interface StreamDigests {
  /** Null if it was not wanted. */
  readonly md5: string | null;
  readonly sha256: string;
}

/** SHA-256 and, if wanted, MD5 of one stream that arrives in pieces. */
export class StreamDigest {
  readonly #md5: Md5 | null;
  readonly #sha256 = createHash("sha256");

  constructor({ md5 }: { readonly md5: boolean }) {
    this.#md5 = md5 ? new Md5() : null;
  }

  /** Takes in the next bytes (shared memory is allowed); they may change as soon as the call returns. */
  update(bytes: Uint8Array): void {
    this.#md5?.update(bytes);
    this.#sha256.update(bytes);
  }

  /** The digests of all bytes taken in. Ends the stream: no method may be called afterwards. */
  digest(): StreamDigests {
    return { md5: this.#md5?.digest() ?? null, sha256: this.#sha256.digest("hex") };
  }
}

/** One SHA-256 of a stream, for pieces in shared memory too. */
export function createSha256(): Hash {
  return createHash("sha256");
}
