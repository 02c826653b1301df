/** A store that passes every call on to another one; the base class of wrappers that change a few calls. */
import type { BlobStore, ByteRange, FileKind, FileName, GetOptions, ListedFile, StoreCallOptions } from "./store.ts";

/** Passes every call on unchanged. Closing it closes the inner store. */
export class ForwardingStore implements BlobStore {
  protected readonly inner: BlobStore;

  constructor(inner: BlobStore) {
    this.inner = inner;
  }

  get location(): string {
    return this.inner.location;
  }

  get connections(): number {
    return this.inner.connections;
  }

  get uploads(): number {
    return this.inner.uploads;
  }

  get expect(): BlobStore["expect"] {
    return this.inner.expect;
  }

  create(options?: StoreCallOptions): Promise<void> {
    return this.inner.create(options);
  }

  get(file: FileName, range?: ByteRange, options?: GetOptions): Promise<Uint8Array<ArrayBuffer>> {
    return this.inner.get(file, range, options);
  }

  put(file: FileName, content: readonly Uint8Array[], options?: StoreCallOptions): Promise<void> {
    return this.inner.put(file, content, options);
  }

  size(file: FileName, options?: StoreCallOptions): Promise<number> {
    return this.inner.size(file, options);
  }

  list(kind: FileKind, options?: StoreCallOptions): AsyncIterable<ListedFile> {
    return this.inner.list(kind, options);
  }

  remove(file: FileName, options?: StoreCallOptions): Promise<void> {
    return this.inner.remove(file, options);
  }

  close(): Promise<void> {
    return this.inner.close();
  }
}
