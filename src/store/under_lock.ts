/** A store behind a lock: nothing is written or removed in it unless the lock is known to hold. */
import { LockedError, messageOf } from "../base/errors.ts";
import { ForwardingStore } from "./forwarding.ts";
import type {
  BlobStore,
  FileKind,
  FileName,
  Leftovers,
  RemoveLeftoversOptions,
  StoreCallOptions,
  StorePutOptions,
} from "./store.ts";

/** What a store asks of the lock it stands behind. */
export interface LockWitness {
  /** Resolves where the lock is there; throws `LockedError` where it is lost. Costs a request now and then. */
  confirmHeld(): Promise<void>;
  /** Throws `LockedError` where the lock is lost by all that is known; asks nobody. */
  assertHeld(): void;
}

/**
 * `inner`, but `put`, `remove` and `removeLeftovers` first make sure of the lock; where it is lost they throw `LockedError`
 * and change nothing. Locks themselves are not held back: they are what tells whether the lock is there.
 *
 * Indexes, which others build upon, and snapshots, which are backups, must not outlive the lock they were written under. A
 * request may take longer than a lock lasts, as where the machine sleeps in the middle of it; then others may have taken
 * over and pruned, and what arrives late speaks of packs that are gone. So the lock is looked at again after such a file is
 * written. It is looked at by the clock alone, since a request that fails would make a failure of what is done. Where it
 * was lost, `put` removes the file again, unless `isVoid` says that it may stay, and throws the `LockedError`. A pack or a
 * key that arrives late harms nobody: without an index a pack is waste, and a key opens what it opened before.
 */
export function withHeldLock(inner: BlobStore, lock: LockWitness): BlobStore {
  return new StoreUnderLock(inner, lock);
}

/** The kinds of files that must not outlive their lock. */
const BINDING_KINDS: ReadonlySet<FileKind> = new Set(["index", "snapshot"]);

class StoreUnderLock extends ForwardingStore {
  readonly #lock: LockWitness;
  // Only where the inner store has them: whoever asks has to find out where it has not.
  readonly removeLeftovers?: (options: RemoveLeftoversOptions) => Promise<Leftovers>;
  readonly missingFolders?: (options?: StoreCallOptions) => Promise<readonly FileKind[]>;

  constructor(inner: BlobStore, lock: LockWitness) {
    super(inner);
    this.#lock = lock;
    const { removeLeftovers, missingFolders } = inner;
    if (removeLeftovers !== undefined) {
      this.removeLeftovers = async (options) => {
        if (!options.dryRun) await this.#lock.confirmHeld();
        return await removeLeftovers.call(inner, options);
      };
    }
    if (missingFolders !== undefined) this.missingFolders = (options) => missingFolders.call(inner, options);
  }

  override async put(file: FileName, content: readonly Uint8Array[], options?: StorePutOptions): Promise<void> {
    if (file.kind !== "lock") await this.#lock.confirmHeld();
    await this.inner.put(file, content, options);
    if (!BINDING_KINDS.has(file.kind)) return;
    try {
      this.#lock.assertHeld();
    } catch (error) {
      if (!(error instanceof LockedError)) throw error;
      throw await this.#withdraw(file, error, options?.isVoid);
    }
  }

  override async remove(file: FileName, options?: StoreCallOptions): Promise<void> {
    if (file.kind !== "lock") await this.#lock.confirmHeld();
    await this.inner.remove(file, options);
  }

  /** Removes what was written; gives what to throw for it. */
  async #withdraw(file: FileName, lost: LockedError, isVoid: StorePutOptions["isVoid"]): Promise<LockedError> {
    try {
      if (isVoid === undefined || await isVoid()) await this.inner.remove(file);
      return lost;
    } catch (error) {
      const remains = `${file.kind} ${file.name} was written and may stay, do not rely on it: ${messageOf(error)}`;
      return new LockedError(`${lost.message}; ${remains}`, { cause: lost });
    }
  }
}
