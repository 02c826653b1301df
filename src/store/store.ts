/** The contract of every store: where the files of a repository lie. Vendor words stay in the implementations. */

/** The kinds of file a repository consists of. `pack` files lie under `data/`, as restic lays them out. */
export type FileKind = "config" | "key" | "lock" | "snapshot" | "index" | "pack";

/** Names one file. `name` is 64 hex digits for every kind but `config`, whose name is `config`. */
export interface FileName {
  /** What it is. */
  readonly kind: FileKind;
  /** Its name among those of its kind. */
  readonly name: string;
}

/** The only file of its kind; every repository has it. */
export const CONFIG_FILE: FileName = { kind: "config", name: "config" };

/** A part of a file: from byte `offset` on, `length` bytes or, without `length`, to its end. */
export interface ByteRange {
  /** In bytes. */
  readonly offset: number;
  /** In bytes. */
  readonly length?: number;
}

/** One row of a listing. */
export interface ListedFile {
  /** The file's name. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
}

/** Options that every call takes. */
export interface StoreCallOptions {
  /** Stops the call: it rejects with the signal's reason and leaves nothing behind under a final name. */
  readonly signal?: AbortSignal | undefined;
}

/** Options of `get`, for stores that keep copies; all others pass them over. */
export interface GetOptions extends StoreCallOptions {
  /** The caller expects to need this part of a pack again: worth a copy nearby, and worth looking for one. */
  readonly keep?: boolean;
  /** Copies are not to be used: the caller found that one is wrong. What the store answers takes the copy's place. */
  readonly fresh?: boolean;
  /** A whole file with more bytes is refused with `TooLargeError` before it is read into memory; ranges have their length. */
  readonly mostBytes?: number;
}

/** Options of `put`, for stores that write under a lock (`withHeldLock`); all others pass them over. */
export interface StorePutOptions extends StoreCallOptions {
  /**
   * Whether an index or a snapshot is to go again, where its lock was lost while it was written. Without it, it goes.
   */
  readonly isVoid?: (() => Promise<boolean>) | undefined;
}

/** Files that killed writers left behind under temporary names, which no listing shows. */
export interface Leftovers {
  /** How many. */
  readonly files: number;
  /** Their bytes together. */
  readonly bytes: number;
}

/** Options of `removeLeftovers`. */
export interface RemoveLeftoversOptions extends StoreCallOptions {
  /** Only what was not written to since then is removed: the rest may belong to a writer that is at work. */
  readonly olderThan: Date;
  /** Only tell what would be removed. */
  readonly dryRun: boolean;
}

/**
 * A flat, append-mostly collection of immutable files.
 *
 * - **Atomic.** After `put` resolves, the whole content is there; a `put` that fails, is aborted or dies with the process
 *   leaves either the whole file or none under the final name.
 * - **Durable.** A resolved `put` survives a power cut: content and name were flushed.
 * - **Never overwriting.** `put` of a name that exists leaves the old content alone and throws `ExistsError`; a store that
 *   sees that the content is the same may resolve instead. Of several writers of different content under one name exactly
 *   one succeeds.
 * - **Read after write.** What `put` or `remove` did is seen by every later `get`, `size` and `list` of the same process.
 * - **Errors.** `NotFoundError`, `ExistsError`, `DeniedError`, `StoreFullError` and `TemporaryError` mean what they say; any
 *   other failure is a plain `StoreError`. `retryable` is decided here; only wrappers retry, implementations never do.
 * - **Concurrency.** All calls may run at the same time, up to `connections` usefully so.
 */
export interface BlobStore extends StoreReader {
  /** Makes the place ready for a repository (folders, bucket prefix). Safe to repeat; never touches existing files. */
  create(options?: StoreCallOptions): Promise<void>;

  /**
   * Stores the concatenation of `content` under the name. Owns: the parts must not change until the promise settles;
   * they may be views of shared memory.
   */
  put(file: FileName, content: readonly Uint8Array[], options?: StorePutOptions): Promise<void>;

  /** Removes a file; one that is not there counts as removed. */
  remove(file: FileName, options?: StoreCallOptions): Promise<void>;

  /**
   * Removes leftovers and tells what they were. Only for stores that write under temporary names; where it is absent, a
   * killed writer leaves nothing that could be seen here.
   */
  removeLeftovers?(options: RemoveLeftoversOptions): Promise<Leftovers>;

  /** Releases connections and handles. The store is not used afterwards. */
  close(): Promise<void>;
}

/** The part of a store that changes nothing: all that whoever holds no lock has of it. */
export interface StoreReader {
  /** The place, fit for messages: never holds a password. */
  readonly location: string;
  /** How many calls at once make it fastest. */
  readonly connections: number;
  /** How many of them may be `put`s of whole packs, each of which is held in memory until it is stored. */
  readonly uploads: number;

  /**
   * The content of a file, or of the given part of it. A range that reaches past the end throws `StoreError` (never
   * `NotFoundError`, never fewer bytes than asked for). Owns: the caller may keep, change and free the result, whose buffer is its alone.
   */
  get(file: FileName, range?: ByteRange, options?: GetOptions): Promise<Uint8Array<ArrayBuffer>>;

  /** The file's length in bytes; throws `NotFoundError`. */
  size(file: FileName, options?: StoreCallOptions): Promise<number>;

  /**
   * Every file of a kind exactly once, in no particular order. Names that are not of the repository's own shape are
   * passed over. A place that does not exist lists as empty.
   */
  list(kind: FileKind, options?: StoreCallOptions): AsyncIterable<ListedFile>;

  /**
   * The kinds of files whose folder is not there, though `create` made it: a part of the repository is not mounted, or was
   * not copied. Only for stores that have folders.
   */
  missingFolders?(options?: StoreCallOptions): Promise<readonly FileKind[]>;
}
