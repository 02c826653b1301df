/**
 * The contract of all stores: where the files of a repository are kept. What is special about one vendor stays in its
 * implementation.
 */

/** The kinds of file in a repository. `pack` files are stored under `data/`, as restic does. */
export type FileKind = "config" | "key" | "lock" | "snapshot" | "index" | "pack";

/** Names one file. The `name` of a config is `config`; all other names are 64 hex digits. */
export interface FileName {
  /** What the file contains. */
  readonly kind: FileKind;
  /** Unique among the files of its kind. */
  readonly name: string;
}

/** The config, the only file of its kind; every repository has one. */
export const CONFIG_FILE: FileName = { kind: "config", name: "config" };

/**
 * A part of a file: `length` bytes from byte `offset` on, or everything from there to the end if there is no `length`.
 */
export interface ByteRange {
  /** In bytes. */
  readonly offset: number;
  /** In bytes. */
  readonly length?: number;
}

/** One row of a listing. */
export interface ListedFile {
  /** The name, as in `FileName`. */
  readonly name: string;
  /** Bytes; perhaps 0 if only names were wanted (`ListOptions`). */
  readonly size: number;
}

/** Options that every call takes. */
export interface StoreCallOptions {
  /** Aborts the call: it rejects with the signal's reason and leaves nothing behind under a final name. */
  readonly signal?: AbortSignal | undefined;
}

/** Options of `list`. */
export interface ListOptions extends StoreCallOptions {
  /**
   * Whether only the names are wanted. A store that would have to ask for each size may then give 0 for all of them; all
   * others ignore it.
   */
  readonly namesOnly?: boolean;
}

/** Options of `get`, for stores that keep copies; all other stores ignore them. */
export interface GetOptions extends StoreCallOptions {
  /**
   * Whether the caller expects to need this part of a pack again, so that looking for a copy and keeping one is worth
   * it.
   */
  readonly keep?: boolean;
  /** Whether to ignore copies, because the caller found a wrong one. The store's answer replaces the copy. */
  readonly fresh?: boolean;
  /**
   * The most bytes that a whole file may have; a larger one is refused with `TooLargeError` before it is read into
   * memory. Not for ranges, whose length is known.
   */
  readonly mostBytes?: number;
}

/** Options of `put`, for stores that write under a lock (`withHeldLock`); all other stores ignore them. */
export interface StorePutOptions extends StoreCallOptions {
  /**
   * Asked if the lock was lost while an index or a snapshot was written: returns whether the file has to be removed.
   * Without it, the file is removed.
   */
  readonly isVoid?: (() => Promise<boolean>) | undefined;
}

/** Files under temporary names that killed writers left behind; no listing shows them. */
export interface Leftovers {
  /** How many. */
  readonly files: number;
  /** Their total size. */
  readonly bytes: number;
}

/** Options of `removeLeftovers`. */
export interface RemoveLeftoversOptions extends StoreCallOptions {
  /** Only files not written to since then are removed; younger ones may belong to an active writer. */
  readonly olderThan: Date;
  /** Only report what would be removed. */
  readonly dryRun: boolean;
}

/**
 * A flat, append-mostly collection of immutable files.
 *
 * - **Atomic.** After `put` resolves, the whole content is there. If a `put` fails, is aborted or dies with the
 *   process, there is either the whole file or none under the final name.
 * - **Durable.** A resolved `put` survives a power cut: content and name were flushed.
 * - **Never overwriting.** If the name exists, `put` leaves the old content alone and throws `ExistsError`; a store
 *   that sees that the content is the same may resolve instead. If several writers put different content under one
 *   name, exactly one succeeds.
 * - **Read after write.** Every later `get`, `size` and `list` of the same process sees what `put` or `remove` did.
 * - **Errors.** `NotFoundError`, `ExistsError`, `DeniedError`, `StoreFullError` and `TemporaryError` mean what they
 *   say; any other failure is a plain `StoreError`. Implementations set `retryable` but never retry; only wrappers do.
 * - **Concurrency.** All calls may run at the same time; more than `connections` at once gain nothing.
 */
export interface BlobStore extends StoreReader {
  /** Prepares the place for a repository (folders, bucket prefix). Safe to repeat; never touches existing files. */
  create(options?: StoreCallOptions): Promise<void>;

  /**
   * Stores the concatenation of `content` under the name. Owns: the parts must not change until the promise settles;
   * they may be views of shared memory.
   */
  put(file: FileName, content: readonly Uint8Array[], options?: StorePutOptions): Promise<void>;

  /** Removes a file; a missing one counts as removed. */
  remove(file: FileName, options?: StoreCallOptions): Promise<void>;

  /**
   * Removes leftovers and returns what they were. Only stores that write under temporary names have it; in all others,
   * a killed writer leaves nothing visible behind.
   */
  removeLeftovers?(options: RemoveLeftoversOptions): Promise<Leftovers>;

  /** Releases connections and handles. The store must not be used afterwards. */
  close(): Promise<void>;
}

/** The read-only part of a store: all that code without a lock may use. */
export interface StoreReader {
  /** The place, suitable for messages; never contains a password. */
  readonly location: string;
  /** How many concurrent calls make the store fastest. */
  readonly connections: number;
  /** How many of them may be `put`s of whole packs; each pack stays in memory until it is stored. */
  readonly uploads: number;

  /**
   * Returns the content of a file, or the given part of it. A range that reaches past the end throws `StoreError`:
   * never `NotFoundError`, and never fewer bytes than asked for. Owns: the result belongs to the caller alone, who may
   * keep, change and free it.
   */
  get(file: FileName, range?: ByteRange, options?: GetOptions): Promise<Uint8Array<ArrayBuffer>>;

  /** The file's length in bytes; throws `NotFoundError`. */
  size(file: FileName, options?: StoreCallOptions): Promise<number>;

  /**
   * Lists every file of a kind exactly once, in no particular order. Skips names that do not have the repository's
   * form. A place that does not exist lists as empty.
   */
  list(kind: FileKind, options?: ListOptions): AsyncIterable<ListedFile>;

  /**
   * Tells which packs will be read soon, by name. Only stores that may have to fetch packs from an archive have it:
   * they ask for all of them at once, since each takes hours. A function that needs no `this`.
   */
  readonly expect?: ((packs: Iterable<string>) => void) | undefined;

  /**
   * The kinds of files whose folder is missing although `create` made it: a part of the repository is not mounted, or
   * was not copied. Only stores with folders have it.
   */
  missingFolders?(options?: StoreCallOptions): Promise<readonly FileKind[]>;
}
