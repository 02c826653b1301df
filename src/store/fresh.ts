/** Reads that bypass cached copies, for decisions that must not rely on a copy while the original may be damaged. */
import type { ByteRange, FileKind, FileName, GetOptions, ListedFile, StoreCallOptions, StoreReader } from "./store.ts";

/**
 * Wraps `inner` so that every `get` has the option `fresh`: a cache below reads from the store and keeps the answer.
 */
export function withFreshReads(inner: StoreReader): StoreReader {
  return new FreshReads(inner);
}

class FreshReads implements StoreReader {
  readonly #inner: StoreReader;
  readonly location: string;
  readonly connections: number;
  readonly uploads: number;

  constructor(inner: StoreReader) {
    this.#inner = inner;
    this.location = inner.location;
    this.connections = inner.connections;
    this.uploads = inner.uploads;
  }

  get(file: FileName, range?: ByteRange, options?: GetOptions): Promise<Uint8Array<ArrayBuffer>> {
    return this.#inner.get(file, range, { ...options, fresh: true });
  }

  size(file: FileName, options?: StoreCallOptions): Promise<number> {
    return this.#inner.size(file, options);
  }

  list(kind: FileKind, options?: StoreCallOptions): AsyncIterable<ListedFile> {
    return this.#inner.list(kind, options);
  }

  async missingFolders(options?: StoreCallOptions): Promise<readonly FileKind[]> {
    return await this.#inner.missingFolders?.(options) ?? [];
  }
}
