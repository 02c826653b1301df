/** Reads past copies: for decisions that must not rest upon a copy whose original may be damaged. */
import { ForwardingStore } from "./forwarding.ts";
import type { BlobStore, ByteRange, FileName, GetOptions } from "./store.ts";

/**
 * `inner`, but every `get` has the option `fresh`: a cache below gives no copy, keeps what the store answers, and drops
 * copies of what is removed as ever. Closing closes `inner`.
 */
export function withFreshReads(inner: BlobStore): BlobStore {
  return new FreshReads(inner);
}

class FreshReads extends ForwardingStore {
  override get(file: FileName, range?: ByteRange, options?: GetOptions): Promise<Uint8Array<ArrayBuffer>> {
    return this.inner.get(file, range, { ...options, fresh: true });
  }
}
