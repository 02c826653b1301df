/** A remote store with copies on the local disk of what is read again and again. */
import { concatBytes } from "../../base/bytes.ts";
import { AgentError } from "../../base/errors.ts";
import { ForwardingStore } from "../forwarding.ts";
import type { BlobStore, ByteRange, FileKind, FileName, GetOptions, ListedFile, StoreCallOptions } from "../store.ts";
import { evict } from "./directory.ts";
import { type CacheEntry, entryOfFile, entryOfPart, isKeptKind } from "./entry.ts";
import { CacheFolder, type CacheOptions } from "./folder.ts";

/**
 * `inner` with a cache: whole snapshots and indexes are kept as they are read or put, and those parts of packs that are
 * read with the option `keep`. All of it is sealed as in the store. A complete listing drops copies of files that are not
 * listed any more; until then a file that another process removed may still be given.
 *
 * Copies are never wrong unnoticed: damaged ones are read from the store again, whole files are kept only where they have
 * the digest they are named by, and who finds that a part of a pack does not open reads it again with the option `fresh`.
 * A cache that cannot be read or written changes nothing but the speed. Closing evicts what exceeds the limit, least
 * recently used first, where anything was added.
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

/** The entry that a call is about; undefined where nothing of it is kept. */
function entryFor(file: FileName, range: ByteRange | undefined, options?: GetOptions): CacheEntry | undefined {
  const { kind, name } = file;
  if (isKeptKind(kind)) return range === undefined ? entryOfFile({ kind, name }) : undefined;
  if (kind !== "pack" || !options?.keep || !range?.length) return undefined;
  return entryOfPart(file, { offset: range.offset, length: range.length });
}
