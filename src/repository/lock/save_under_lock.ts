/**
 * Saves files that must not outlive the lock they were written under: indexes, which others build upon, and snapshots,
 * which are backups. A request may take longer than a lock lasts, as where the machine sleeps in the middle of it; then
 * others may have taken over and pruned, and what arrives late speaks of packs that are gone.
 */
import { LockedError, messageOf, NotFoundError } from "../../base/errors.ts";
import { encodeHex } from "../../base/hex.ts";
import type { SnapshotId } from "../../base/id.ts";
import { freeBuffer } from "../../base/bytes.ts";
import { encodeIndex, type IndexedPack } from "../../format/index/index_file.ts";
import { encodeSnapshot, type Snapshot } from "../../format/snapshot.ts";
import type { ConfirmHeld } from "./held_lock.ts";
import type { SavedFile, SealedFiles } from "../sealed_files.ts";

/** What saving under a lock takes. */
export interface SaveUnderLockOptions {
  /** Asked by the file before, and by the clock after: a look that fails would make a failure of what is done. */
  readonly confirmHeld: ConfirmHeld;
  readonly signal?: AbortSignal | undefined;
}

/** Stores a snapshot; from here on the backup exists. Throws what `confirmHeld` and the store throw; then it does not. */
export async function saveSnapshotUnderLock(
  files: SealedFiles,
  snapshot: Snapshot,
  options: SaveUnderLockOptions,
): Promise<SnapshotId> {
  const unsaved = { kind: "snapshot", json: encodeSnapshot(snapshot), isVoid: () => true } as const;
  return (await saveUnderLock(files, unsaved, options)).id;
}

/**
 * Stores an index file that lists the packs; gives its id and size. Where the lock is lost meanwhile it throws what `confirmHeld` throws, and
 * the file stays only if all its packs are there: others may have built upon it.
 */
export async function saveIndexUnderLock(
  files: SealedFiles,
  packs: readonly IndexedPack[],
  options: SaveUnderLockOptions,
): Promise<SavedFile<"index">> {
  const json = encodeIndex(packs);
  const saved = await saveUnderLock(files, { kind: "index", json, isVoid: () => lacksAny(files, packs) }, options);
  freeBuffer(json);
  return saved;
}

interface UnsavedFile<Kind> {
  readonly kind: Kind;
  readonly json: Uint8Array<ArrayBuffer>;
  /** Whether it is to go again where the lock was lost while it was written. */
  readonly isVoid: () => boolean | Promise<boolean>;
}

async function saveUnderLock<Kind extends "index" | "snapshot">(
  files: SealedFiles,
  { kind, json, isVoid }: UnsavedFile<Kind>,
  { confirmHeld, signal }: SaveUnderLockOptions,
): Promise<SavedFile<Kind>> {
  await confirmHeld();
  const saved = await files.saveSized(kind, json, { signal });
  try {
    await confirmHeld("by the clock");
    return saved;
  } catch (error) {
    if (!(error instanceof LockedError)) throw error;
    const { id } = saved;
    throw await withdraw(error, `${kind} ${id}`, async () => {
      if (await isVoid()) await files.remove(kind, id);
    });
  }
}

/** Removes what was written; gives what to throw for it. */
async function withdraw(lost: LockedError, what: string, remove: () => Promise<void>): Promise<LockedError> {
  try {
    await remove();
    return lost;
  } catch (error) {
    const remains = `${what} was written and may stay, do not rely on it: ${messageOf(error)}`;
    return new LockedError(`${lost.message}; ${remains}`, { cause: lost });
  }
}

async function lacksAny({ store }: SealedFiles, packs: readonly IndexedPack[]): Promise<boolean> {
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
