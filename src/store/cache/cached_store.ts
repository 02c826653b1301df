/** A remote store with local copies of the files that are read again and again. */
import { concatBytes } from "../../base/bytes.ts";
import { AgentError } from "../../base/errors.ts";
import { ForwardingStore } from "../forwarding.ts";
import type { BlobStore, ByteRange, FileKind, FileName, GetOptions, ListedFile, StoreCallOptions } from "../store.ts";
import { evict } from "./directory.ts";
import { type CacheEntry, entryOfFile, entryOfPart, isKeptKind } from "./cache_entry.ts";
import { CacheFolder, type CacheOptions } from "./folder.ts";

/**
 * Wraps `inner` with a cache. Whole snapshots and indexes are kept when they are read or put; parts of packs are kept
 * if they are read with the option `keep`. Copies stay sealed as in the store. A complete listing drops the copies of
 * files that are no longer listed; until then, `get` may return a file that another process has removed.
 *
 * A damaged copy never goes unnoticed: it is read from the store again. Whole files are kept only if they have the
 * digest in their name. A caller that cannot open a part of a pack reads it again with the option `fresh`. A cache that
 * cannot be read or written only costs speed. If anything was added, closing evicts the least recently used files until
 * the limit is kept.
 */
export function withCache(inner: BlobStore, options: CacheOptions): BlobStore {
  return new CachedStore(inner, options);
}

class CachedStore extends ForwardingStore {
  readonly #options: CacheOptions;
  readonly #folder: CacheFolder;

  constructor(inner: BlobStore, options: CacheOptions) {
    super(inner);
    this.#options = options;
    this.#folder = new CacheFolder({ ...options, address: inner.location });
  }

  override async get(file: FileName, range?: ByteRange, options?: GetOptions): Promise<Uint8Array<ArrayBuffer>> {
    options?.signal?.throwIfAborted();
    const entry = entryFor(file, range, options);
    if (entry === undefined) return await this.inner.get(file, range, options);
    const kept = options?.fresh ? undefined : await this.#folder.read(entry);
    if (kept !== undefined) {
      options?.signal?.throwIfAborted();
      return kept;
    }
    const bytes = await this.inner.get(file, range, options);
    await this.#folder.write(entry, bytes);
    return bytes;
  }

  override async put(file: FileName, content: readonly Uint8Array[], options?: StoreCallOptions): Promise<void> {
    await this.inner.put(file, content, options);
    const entry = entryFor(file, undefined, undefined);
    if (entry !== undefined) await this.#folder.write(entry, concatBytes(content));
  }

  override async *list(kind: FileKind, options?: StoreCallOptions): AsyncGenerator<ListedFile> {
    if (!isKeptKind(kind)) return yield* this.inner.list(kind, options);
    const listed = new Set<string>();
    for await (const row of this.inner.list(kind, options)) {
      listed.add(row.name);
      yield row;
    }
    await this.#folder.dropUnlisted(kind, listed);
  }

  override async remove(file: FileName, options?: StoreCallOptions): Promise<void> {
    await this.inner.remove(file, options);
    const entry = entryFor(file, undefined, undefined);
    if (entry !== undefined) await this.#folder.drop(entry);
  }

  override async close(): Promise<void> {
    try {
      if (this.#folder.addedBytes > 0) await evict(this.#options);
    } catch (error) {
      if (!(error instanceof AgentError)) throw error;
      this.#options.onProblem?.(error);
    } finally {
      await this.inner.close();
    }
  }
}

/** The cache entry for a call; undefined if the cache does not keep such content. */
function entryFor(file: FileName, range: ByteRange | undefined, options?: GetOptions): CacheEntry | undefined {
  const { kind, name } = file;
  if (isKeptKind(kind)) return range === undefined ? entryOfFile({ kind, name }) : undefined;
  if (kind !== "pack" || !options?.keep || !range?.length) return undefined;
  return entryOfPart(file, { offset: range.offset, length: range.length });
}
