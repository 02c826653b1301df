/** The sealed files of a repository under a lock: what a use case may write and remove. */
import { freeBuffer } from "../../base/bytes.ts";
import { NotFoundError } from "../../base/errors.ts";
import { encodeHex } from "../../base/hex.ts";
import { asId, type IndexId, type SnapshotId } from "../../base/id.ts";
import type { Sealer } from "../../crypto/seal.ts";
import { encodeIndex, type IndexedPack } from "../../format/index/index_file.ts";
import { encodeSnapshot, type Snapshot } from "../../format/snapshot.ts";
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

  /**
   * Stores an index file that lists the packs; returns its id and size. If the lock is lost meanwhile, it throws
   * `LockedError`, and the file stays only if all its packs are there: others may have built upon it.
   */
  async saveIndex(packs: readonly IndexedPack[], options?: StoreCallOptions): Promise<SavedFile<"index">> {
    const json = encodeIndex(packs);
    const saved = await this.#writer.saveSized("index", json, {
      ...options,
      isVoid: () => lacksAny(this.store, packs),
    });
    freeBuffer(json);
    return saved;
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

async function lacksAny(store: StoreReader, packs: readonly IndexedPack[]): Promise<boolean> {
  for (const { id } of packs) {
    try {
      await store.size({ kind: "pack", name: encodeHex(id) });
    } catch (error) {
      if (error instanceof NotFoundError) return true;
      throw error;
    }
  }
  return false;
}
