/** Keys: list, add, change and remove the passwords that open a repository. */
import { AgentError, messageOf, StoreError, UsageError } from "../base/errors.ts";
import { type KeyId, shortId } from "../base/id.ts";
import { addKey, type ListedKey, listKeyIds, listKeys, removalOfKey, removeKey } from "../repository/key_files.ts";
import type { Repository } from "../repository/repository.ts";
import type { StoreReader } from "../store/store.ts";
import {
  openAccess,
  type RepositoryAccess,
  type TakenLock,
  useCase,
  type UseCaseOptions,
  type World,
} from "./access.ts";
import { type NewPassword, worldOfKey } from "./new_password.ts";

/** A key file, and whether it opened the repository. */
export interface KeyRow extends ListedKey {
  /** Whether the repository was opened with it. */
  readonly isCurrent: boolean;
}

/** All key files, oldest first. Reports unreadable key files to the world's `onProblem`. */
export function keyList(access: RepositoryAccess, options: UseCaseOptions): Promise<KeyRow[]> {
  return useCase(options, async () => {
    await using repository = await openAccess(access, options);
    const { keys, unreadable } = await listKeys(repository.store);
    for (const { id, error } of unreadable) {
      options.world.onProblem?.(
        new AgentError(`Key ${id} cannot be read: ${error.message}; ${removalOfKey(id)}`, { cause: error }),
      );
    }
    return keys.map((key) => ({ ...key, isCurrent: key.id === repository.keyId }));
  });
}

/** What a new key is made from. */
export interface NewKeyRequest {
  /** Returns the password; called once the repository is locked. */
  readonly newPassword: () => Promise<NewPassword>;
}

/** Adds a password to the repository. Returns the new key file's name. */
export function keyAdd(
  access: RepositoryAccess,
  { newPassword }: NewKeyRequest,
  options: UseCaseOptions,
): Promise<KeyId> {
  return useCase(options, async (signal) => {
    await using repository = await openAccess(access, options);
    await using lock = await repository.lock({ exclusive: false, signal });
    return await addNewKey(lock, repository, await newPassword(), options.world);
  });
}

/** Which key to remove. */
export interface KeyRemoveRequest {
  /** The beginning of the key file's name. */
  readonly prefix: string;
}

/** Removes a key, so that its password no longer opens the repository. */
export function keyRemove(
  access: RepositoryAccess,
  { prefix }: KeyRemoveRequest,
  options: UseCaseOptions,
): Promise<KeyId> {
  return useCase(options, async (signal) => {
    await using repository = await openAccess(access, options);
    await using lock = await repository.lock({ exclusive: true, signal });
    const { store, keyId } = await lock.confirmed;
    const fitting = (await listKeyIds(store)).filter((id) => id.startsWith(prefix));
    if (fitting.length !== 1) {
      const count = fitting.length === 0 ? "is no key" : `are ${fitting.length} keys`;
      throw new UsageError(`There ${count} named "${prefix}"; "agent key list" shows them`);
    }
    await removeKey(store, fitting[0]!, keyId);
    return fitting[0]!;
  });
}

/** Replaces the password in use: adds the new key file first, then removes the old one. */
export function keyChange(
  access: RepositoryAccess,
  { newPassword }: NewKeyRequest,
  options: UseCaseOptions,
): Promise<KeyId> {
  return useCase(options, async (signal) => {
    await using repository = await openAccess(access, options);
    await using lock = await repository.lock({ exclusive: true, signal });
    const added = await addNewKey(lock, repository, await newPassword(), options.world);
    try {
      const { store } = await lock.confirmed;
      await removeKey(store, repository.keyId, added);
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
  lock: TakenLock,
  repository: Repository,
  newPassword: NewPassword,
  world: World,
): Promise<KeyId> {
  let before: readonly KeyId[] | undefined;
  try {
    before = await listKeyIds(repository.store);
    const { store, keys } = await lock.confirmed;
    return await addKey(store, keys, newPassword.password, worldOfKey(newPassword, world));
  } catch (error) {
    if (before === undefined || await isNothingAdded(repository.store, before, error)) await newPassword.onUnused?.();
    throw error;
  }
}

/** Whether it is certain that no key was added: no write is pending, and no key file is new. */
async function isNothingAdded(store: StoreReader, before: readonly KeyId[], error: unknown): Promise<boolean> {
  if (error instanceof StoreError && error.retryable) return false;
  try {
    return (await listKeyIds(store)).every((id) => before.includes(id));
  } catch {
    return false; // without an answer from the store, nothing is certain
  }
}
