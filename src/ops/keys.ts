/** Keys: whose password opens a repository. */
import { AgentError, UsageError } from "../base/errors.ts";
import type { KeyId } from "../base/id.ts";
import type { HeldLock } from "../repository/held_lock.ts";
import { addKey, type ListedKey, listKeyIds, listKeys, removalOfKey, removeKey } from "../repository/keys.ts";
import type { Repository } from "../repository/repository.ts";
import { type RepositoryAccess, withLock, withRepository, type World } from "./access.ts";

/** A key file, and whether it is the one the repository was opened with. */
export interface KeyRow extends ListedKey {
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
export function keyAdd(access: RepositoryAccess, newPassword: () => Promise<string>, world: World): Promise<KeyId> {
  return withLocked(access, world, { exclusive: false }, async (repository, lock) => {
    const password = await newPassword();
    await lock.confirmHeld();
    return await addKey(repository.store, repository.keys, password, world);
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
export function keyChange(access: RepositoryAccess, newPassword: () => Promise<string>, world: World): Promise<KeyId> {
  return withLocked(access, world, { exclusive: true }, async (repository, lock) => {
    const password = await newPassword();
    await lock.confirmHeld();
    const added = await addKey(repository.store, repository.keys, password, world);
    await removeKey(repository.store, repository.keyId, added);
    return added;
  });
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
