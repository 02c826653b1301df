/**
 * The small files of a repository (indexes, snapshots, locks): sealed JSON, named by the SHA-256 of the file's bytes.
 *
 * Layout: restic design document, section Unpacked Data Format; sealed as in crypto/seal.ts.
 */
import { asId, type IndexId, type LockId, type SnapshotId } from "../base/id.ts";
import { IntegrityError, NotFoundError, TooLargeError } from "../base/errors.ts";
import { freeBuffer } from "../base/bytes.ts";
import { sha256Hex } from "../crypto/digest.ts";
import type { Sealer } from "../crypto/seal.ts";
import { compress, decompress, decompressInPieces, IDS_COMPRESSION } from "../codec/compression.ts";
import { SEALED_FILE_LIMITS } from "../format/bounds.ts";
import { openSealedFile, UnpackedWriter, wrapUnpacked } from "../format/unpacked.ts";
import type { KeptSnapshots } from "./kept_snapshots.ts";
import type { RepositoryObserver } from "./observer.ts";
import type {
  BlobStore,
  FileName,
  ListedFile,
  ListOptions,
  StoreCallOptions,
  StorePutOptions,
  StoreReader,
} from "../store/store.ts";

/** The kinds of sealed files, each with the type of its names. */
interface SealedFileIds {
  index: IndexId;
  snapshot: SnapshotId;
  lock: LockId;
}
export type SealedKind = keyof SealedFileIds;

/** A stored file. */
export interface SavedFile<K extends SealedKind> {
  readonly id: SealedFileIds[K];
  /** The length of the file. */
  readonly bytes: number;
}

/** Reads a whole file of a repository. Throws `IntegrityError` if it has more than `mostBytes`. */
export async function getLimited(
  store: StoreReader,
  file: FileName,
  mostBytes: number,
  options?: StoreCallOptions,
): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return await store.get(file, undefined, { ...options, mostBytes });
  } catch (error) {
    if (!(error instanceof TooLargeError)) throw error;
    const what = file.kind === "config" ? "config" : `${file.kind} ${file.name}`;
    throw new IntegrityError(`Damaged ${what}: it has more than ${mostBytes} bytes, the most it may have`, {
      cause: error,
    });
  }
}

/** The pieces of a text, decompressed one after the other. Owns: the frame is freed after the last one. */
function* piecesOf(frame: Uint8Array<ArrayBuffer>, _expectedLength: undefined, maxBytes: number, what: string) {
  yield* decompressInPieces(frame, maxBytes, what);
  freeBuffer(frame);
}

/** Reads sealed files. */
export class SealedFiles {
  readonly store: StoreReader;
  /** Hears of the snapshots; undefined if nobody does. */
  readonly observer: RepositoryObserver | undefined;
  /** What snapshots say as far as that is kept on this machine; undefined if every snapshot is read from the store. */
  readonly kept: KeptSnapshots | undefined;
  readonly #sealer: Sealer;

  constructor(store: StoreReader, sealer: Sealer, observer?: RepositoryObserver, kept?: KeptSnapshots) {
    this.store = store;
    this.observer = observer;
    this.kept = kept;
    this.#sealer = sealer;
  }

  /** Names and sizes of all files of a kind. */
  list(kind: SealedKind, options?: ListOptions): AsyncIterable<ListedFile> {
    return this.store.list(kind, options);
  }

  /** The JSON of a file. Throws `NotFoundError`, and `IntegrityError` if the content does not match the name. */
  async load<K extends SealedKind>(
    kind: K,
    id: SealedFileIds[K],
    options?: StoreCallOptions,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = await this.loadSealed(kind, id, options);
    return openSealedFile({ kind, id, bytes }, { sha256Hex, sealer: this.#sealer, decompress });
  }

  /**
   * The JSON of a file in pieces, so that only the file is in memory as a whole. Throws what `load` throws, also while
   * the pieces are read. Owns: a piece is valid until the next one.
   */
  async loadPieces<K extends SealedKind>(
    kind: K,
    id: SealedFileIds[K],
    options?: StoreCallOptions,
  ): Promise<Iterable<Uint8Array>> {
    const bytes = await this.loadSealed(kind, id, options);
    const text = openSealedFile({ kind, id, bytes }, { sha256Hex, sealer: this.#sealer, decompress: piecesOf });
    return text instanceof Uint8Array ? [text] : text;
  }

  /**
   * A file as it is stored, for whoever opens it with `openSealedFile` in another thread. Throws `NotFoundError`, and
   * `IntegrityError` if it is larger than such a file may be.
   */
  loadSealed<K extends SealedKind>(
    kind: K,
    id: SealedFileIds[K],
    options?: StoreCallOptions,
  ): Promise<Uint8Array<ArrayBuffer>> {
    return getLimited(this.store, { kind, name: id }, SEALED_FILE_LIMITS[kind].bytes, options);
  }

  /** Whether a file exists. */
  async has<K extends SealedKind>(kind: K, id: SealedFileIds[K], options?: StoreCallOptions): Promise<boolean> {
    try {
      await this.store.size({ kind, name: id }, options);
      return true;
    } catch (error) {
      if (error instanceof NotFoundError) return false;
      throw error;
    }
  }
}

/**
 * Also writes and removes sealed files, with or without a lock. Only for locks, and for `LockedFileWriter`, which writes
 * everything else.
 */
export class SealedFileWriter extends SealedFiles {
  declare readonly store: BlobStore;
  readonly #sealer: Sealer;
  readonly #version: 1 | 2;

  /** `version` is the repository's; version 1 has no compression. */
  constructor(store: BlobStore, sealer: Sealer, version: 1 | 2, observer?: RepositoryObserver) {
    super(store, sealer, observer);
    this.#sealer = sealer;
    this.#version = version;
  }

  /** Stores JSON as a file; returns its name once it is durable. */
  async save<K extends SealedKind>(
    kind: K,
    json: Uint8Array<ArrayBuffer>,
    options?: StorePutOptions,
  ): Promise<SealedFileIds[K]> {
    const plaintext = wrapUnpacked(json, this.#version, compressJson);
    const { id } = await this.saveUnpacked(kind, plaintext, options);
    if (plaintext !== json) freeBuffer(plaintext);
    return id;
  }

  /** For an index that is written over time: `saveUnpacked` stores what it makes. */
  newUnpackedWriter(): UnpackedWriter {
    return new UnpackedWriter(this.#version, (text) => compress(text, IDS_COMPRESSION));
  }

  /** Stores the plaintext of a file; returns its name and size once it is durable. */
  async saveUnpacked<K extends SealedKind>(
    kind: K,
    plaintext: Uint8Array<ArrayBuffer>,
    options?: StorePutOptions,
  ): Promise<SavedFile<K>> {
    const bytes = this.#sealer.seal(plaintext);
    const id = asId<SealedFileIds[K]>(sha256Hex(bytes));
    const size = bytes.length;
    await this.store.put({ kind, name: id }, [bytes], options);
    freeBuffer(bytes);
    return { id, bytes: size };
  }

  /** Removes a file; a missing one counts as removed. */
  remove<K extends SealedKind>(kind: K, id: SealedFileIds[K], options?: StoreCallOptions): Promise<void> {
    return this.store.remove({ kind, name: id }, options);
  }
}

function compressJson(text: Uint8Array<ArrayBuffer>): Uint8Array {
  return compress(text, "auto");
}
