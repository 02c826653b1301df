/** Tells damage in the store from errors on the way: a file that does not match its name is read a second time. */
import { hash } from "node:crypto";
import { ForwardingStore } from "./forwarding.ts";
import type { BlobStore, ByteRange, FileName, GetOptions } from "./store.ts";

/**
 * Wraps `inner` so that a whole file whose SHA-256 is not its name is read once more, and the second answer is returned
 * as it is. A network card or a proxy that flips a bit rarely does so twice at the same place. A file that is damaged
 * in the store comes back the same, and its reader reports that. Parts of files and the config have no digest in their
 * names; they are authenticated when they are opened.
 */
export function withVerification(inner: BlobStore): BlobStore {
  return new VerifiedStore(inner);
}

class VerifiedStore extends ForwardingStore {
  override async get(file: FileName, range?: ByteRange, options?: GetOptions): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = await this.inner.get(file, range, options);
    if (range !== undefined || file.kind === "config" || hash("sha256", bytes, "hex") === file.name) return bytes;
    return await this.inner.get(file, range, options);
  }
}
