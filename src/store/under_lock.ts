/** A store that changes files only while its lock is held. */
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

/** What a store asks of its lock. */
export interface LockWitness {
  /** Resolves if the lock is held; throws `LockedError` if it is lost. Costs a request now and then. */
  confirmHeld(): Promise<void>;
  /** Throws `LockedError` if the lock is known to be lost; sends no request. */
  assertHeld(): void;
}

/**
 * Wraps `inner` so that `put`, `remove` and `removeLeftovers` first confirm the lock. If it is lost, they throw
 * `LockedError` and change nothing. Lock files themselves are exempt, since they show whether the lock is held.
 *
 * Indexes, which others build upon, and snapshots, which are backups, must not outlive the lock under which they were
 * written. A request may take longer than a lock lasts, for example if the machine is suspended meanwhile. By then,
 * others may have removed the lock and pruned, and a file that arrives late refers to packs that are gone. So `put`
 * looks at the lock again after writing such a file. It goes by the clock alone, since a failing request would turn
 * finished work into a failure. If the lock was lost, `put` removes the file again, unless `isVoid` says that it may
 * stay, and throws the `LockedError`.
 *
 * A pack or a key that arrives late does no harm: a pack without an index is waste, and a key opens what it opened
 * before.
 */
export function withHeldLock(inner: BlobStore, lock: LockWitness): BlobStore {
  return new StoreUnderLock(inner, lock);
}

/** The kinds of files that must not outlive their lock. */
const BINDING_KINDS: ReadonlySet<FileKind> = new Set(["index", "snapshot"]);

class StoreUnderLock extends ForwardingStore {
  readonly #lock: LockWitness;
  // Defined only if the inner store has them, so that callers can see whether it does.
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

  /** Removes the file that was written too late; returns the error to throw. */
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
