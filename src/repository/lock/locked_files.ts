/** The sealed files of a repository under a lock: what a use case may write and remove. */
import { freeBuffer } from "../../base/bytes.ts";
import { invariant, NotFoundError } from "../../base/errors.ts";
import { encodeHex } from "../../base/hex.ts";
import { asId, type IndexId, type SnapshotId } from "../../base/id.ts";
import type { Sealer } from "../../crypto/seal.ts";
import { type IndexedPack, IndexEncoder } from "../../format/index/index_file.ts";
import { encodeSnapshot, type Snapshot } from "../../format/snapshot.ts";
import type { UnpackedWriter } from "../../format/unpacked.ts";
import type { BlobStore, StoreCallOptions, StoreReader } from "../../store/store.ts";
import { type LockWitness, withHeldLock } from "../../store/under_lock.ts";
import type { RepositoryObserver } from "../observer.ts";
import { type SavedFile, SealedFiles, SealedFileWriter } from "../sealed_files.ts";

/** What `LockedFileWriter` needs. */
interface LockedFilesParts {
  /** The store itself, not yet wrapped by `withHeldLock`. */
  readonly store: BlobStore;
  readonly sealer: Sealer;
  /** The format version of the repository. */
  readonly version: 1 | 2;
  /** Hears of the snapshots; undefined if nobody does. */
  readonly observer?: RepositoryObserver | undefined;
}

/** Reads sealed files; writes and removes indexes and snapshots while the lock is held (`withHeldLock`). */
export class LockedFileWriter extends SealedFiles {
  declare readonly store: BlobStore;
  readonly #writer: SealedFileWriter;

  constructor({ store, sealer, version, observer }: LockedFilesParts, lock: LockWitness) {
    const guarded = withHeldLock(store, lock);
    super(guarded, sealer, observer);
    this.#writer = new SealedFileWriter(guarded, sealer, version);
  }

  /**
   * Stores a snapshot. Once it resolves, the backup exists. Throws `LockedError` and what the store throws; then it
   * does not exist.
   */
  async saveSnapshot(snapshot: Snapshot, options?: StoreCallOptions): Promise<SnapshotId> {
    const id = await this.#writer.save("snapshot", encodeSnapshot(snapshot), options);
    this.observer?.addSaved({ id, snapshot });
    return id;
  }

  /** Stores an index file that lists the packs, as `GrowingIndex.save` does. */
  async saveIndex(packs: readonly IndexedPack[], options?: StoreCallOptions): Promise<SavedFile<"index">> {
    const index = this.newIndex();
    for (const pack of packs) index.add(pack);
    return await index.save(options);
  }

  /** An index file that lists no packs yet. */
  newIndex(): GrowingIndex {
    return new GrowingIndex(this.#writer);
  }

  /** Removes a file; a missing one counts as removed. Throws `LockedError` and what the store throws. */
  async remove<K extends "index" | "snapshot">(
    kind: K,
    id: K extends "index" ? IndexId : SnapshotId,
    options?: StoreCallOptions,
  ): Promise<void> {
    await this.store.remove({ kind, name: id }, options);
    if (kind === "snapshot") this.observer?.addRemoved(asId<SnapshotId>(id));
  }
}

/** An index file before it is stored. It takes packs over time, so that little is left to do when it is stored. */
export class GrowingIndex {
  readonly #files: SealedFileWriter;
  readonly #text: UnpackedWriter;
  readonly #encoder = new IndexEncoder();
  readonly #packs: Uint8Array[] = [];
  #plaintext: Uint8Array<ArrayBuffer> | undefined;
  #isWhole = true;
  #isStored = false;

  /** Made by `LockedFileWriter.newIndex`, whose `files` write under its lock. */
  constructor(files: SealedFileWriter) {
    this.#files = files;
    this.#text = files.newUnpackedWriter();
  }

  /** Whether it lists no packs. */
  get isEmpty(): boolean {
    return this.#packs.length === 0;
  }

  /** False once its text could not be made, for example for want of memory: what there is of it must not be stored. */
  get isWhole(): boolean {
    return this.#isWhole;
  }

  /** Adds a pack, which must be durable. */
  add(pack: IndexedPack): void {
    invariant(this.#plaintext === undefined, "A pack was added to an index that is being stored");
    this.#encode(() => this.#text.append((text) => this.#encoder.add(text, pack)));
    this.#packs.push(pack.id);
  }

  /**
   * Stores it; returns its id and size. If the lock is lost meanwhile, it throws `LockedError`, and the file stays only
   * if all its packs are there: others may have built upon it. If the store fails, it may be tried again; an index that
   * is not whole may not.
   */
  async save(options?: StoreCallOptions): Promise<SavedFile<"index">> {
    invariant(!this.#isStored, "An index was stored twice");
    const plaintext = this.#plaintext ??= this.#encode(() => {
      this.#text.append((text) => this.#encoder.finish(text));
      return this.#text.finish();
    });
    const isVoid = () => lacksAny(this.#files.store, this.#packs);
    const saved = await this.#files.saveUnpacked("index", plaintext, { ...options, isVoid });
    this.#isStored = true;
    freeBuffer(plaintext);
    return saved;
  }

  #encode<T>(encode: () => T): T {
    invariant(this.#isWhole, "An index of which a part is missing was used");
    this.#isWhole = false;
    const result = encode();
    this.#isWhole = true;
    return result;
  }
}

async function lacksAny(store: StoreReader, packs: readonly Uint8Array[]): Promise<boolean> {
  for (const id of packs) {
    try {
      await store.size({ kind: "pack", name: encodeHex(id) });
    } catch (error) {
      if (error instanceof NotFoundError) return true;
      throw error;
    }
  }
  return false;
}
