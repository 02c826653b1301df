/** Keys: whose password opens a repository. */
import { AgentError, messageOf, StoreError, UsageError } from "../base/errors.ts";
import { type KeyId, shortId } from "../base/id.ts";
import type { HeldLock } from "../repository/lock/held_lock.ts";
import { addKey, type ListedKey, listKeyIds, listKeys, removalOfKey, removeKey } from "../repository/key_files.ts";
import type { Repository } from "../repository/repository.ts";
import type { BlobStore } from "../store/store.ts";
import { type RepositoryAccess, withLock, withRepository, type World } from "./access.ts";
import { type NewPassword, worldOfKey } from "./new_password.ts";

/** A key file, and whether it is the one the repository was opened with. */
export interface KeyRow extends ListedKey {
  /** Whether the repository was opened with it. */
  readonly isCurrent: boolean;
}

/** All key files, oldest first; the world's `onProblem` is told of files among them that cannot be read. */
export function keyList(access: RepositoryAccess, world: World): Promise<KeyRow[]> {
  return withRepository(access, world, async ({ store, keyId }) => {
    const { keys, unreadable } = await listKeys(store);
    for (const { id, error } of unreadable) {
      world.onProblem?.(
        new AgentError(`Key ${id} cannot be read: ${error.message}; ${removalOfKey(id)}`, { cause: error }),
      );
    }
    return keys.map((key) => ({ ...key, isCurrent: key.id === keyId }));
  });
}

/** Lets one more password open the repository; gives the new key file's name. */
export function keyAdd(
  access: RepositoryAccess,
  newPassword: () => Promise<NewPassword>,
  world: World,
): Promise<KeyId> {
  return withLocked(access, world, { exclusive: false }, async (repository, lock) => {
    return await addNewKey(repository, lock, await newPassword(), world);
  });
}

/** Takes a password's right to open the repository away. `prefix` is the beginning of its key file's name. */
export function keyRemove(access: RepositoryAccess, prefix: string, world: World): Promise<KeyId> {
  return withLocked(access, world, { exclusive: true }, async (repository, lock) => {
    const fitting = (await listKeyIds(repository.store)).filter((id) => id.startsWith(prefix));
    if (fitting.length !== 1) {
      const count = fitting.length === 0 ? "is no key" : `are ${fitting.length} keys`;
      throw new UsageError(`There ${count} named "${prefix}"; "agent key list" shows them`);
    }
    await lock.confirmHeld();
    await removeKey(repository.store, fitting[0]!, repository.keyId);
    return fitting[0]!;
  });
}

/** Puts a new password in the place of the one in use: the new key file first, then the old one goes. */
export function keyChange(
  access: RepositoryAccess,
  newPassword: () => Promise<NewPassword>,
  world: World,
): Promise<KeyId> {
  return withLocked(access, world, { exclusive: true }, async (repository, lock) => {
    const added = await addNewKey(repository, lock, await newPassword(), world);
    try {
      await removeKey(repository.store, repository.keyId, added);
    } catch (error) {
      throw oldKeyStays(error, repository.keyId);
    }
    return added;
  });
}

function oldKeyStays(error: unknown, old: KeyId): AgentError {
  const { code, exitCode } = error instanceof AgentError ? error : new AgentError("");
  const advice = `open with the new one and "agent key remove ${shortId(old)}"`;
  const message = `The new password opens the repository, but the old one may still, too: ${
    messageOf(error)
  }; ${advice}`;
  return new AgentError(message, { code, exitCode, cause: error });
}

async function addNewKey(
  { store, keys }: Repository,
  lock: HeldLock,
  newPassword: NewPassword,
  world: World,
): Promise<KeyId> {
  let before: readonly KeyId[] | undefined;
  try {
    before = await listKeyIds(store);
    await lock.confirmHeld();
    return await addKey(store, keys, newPassword.password, worldOfKey(newPassword, world));
  } catch (error) {
    if (before === undefined || await isNothingAdded(store, before, error)) await newPassword.onUnused?.();
    throw error;
  }
}

/** Whether it is certain that no key was added: none is on its way any more, and none is there that was not before. */
async function isNothingAdded(store: BlobStore, before: readonly KeyId[], error: unknown): Promise<boolean> {
  if (error instanceof StoreError && error.retryable) return false;
  try {
    return (await listKeyIds(store)).every((id) => before.includes(id));
  } catch {
    return false; // a store that does not say is not certain
  }
}

function withLocked<T>(
  access: RepositoryAccess,
  world: World,
  { exclusive }: { readonly exclusive: boolean },
  work: (repository: Repository, lock: HeldLock) => Promise<T>,
): Promise<T> {
  return withRepository(access, world, (repository) => {
    const request = { exclusive, retryLockMs: access.retryLockMs };
    return withLock(repository, world, request, (lock) => work(repository, lock));
  });
}
