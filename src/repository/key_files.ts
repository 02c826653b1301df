/**
 * Key files: each wraps the same master key under its own password (restic design document, section Keys, Encryption
 * and MAC).
 */
import type { Clock } from "../base/clock.ts";
import { type AgentError, IntegrityError, NotFoundError, TemporaryError, UsageError } from "../base/errors.ts";
import { asId, type KeyId, shortId } from "../base/id.ts";
import { sha256Hex } from "../crypto/digest.ts";
import {
  assertParameters,
  deriveKey,
  NEW_KEY_PARAMETERS,
  type Password,
  passwordBytes,
  SALT_BYTES,
  type ScryptParameters,
} from "../crypto/kdf.ts";
import { createSealer, type SealingKeys } from "../crypto/seal.ts";
import { decodeKeyFile, encodeKeyFile, encodeMasterKey, type KeyFile } from "../format/key_file.ts";
import { MOST_SMALL_FILE_BYTES } from "../format/bounds.ts";
import type { ProcessMark } from "../format/lock.ts";
import { formatTimestamp, timestampToDate } from "../format/time.ts";
import type { BlobStore, StoreReader } from "../store/store.ts";
import { getLimited } from "./sealed_files.ts";
import { failureOfFile } from "./unreadable.ts";

/** The user, host and process that are written to key files, locks and snapshots. */
export interface Identity {
  /** The name of the host. */
  readonly hostname: string;
  /** The name of the user. */
  readonly username: string;
  /** The process id. */
  readonly pid: number;
  /** The user's numeric id. */
  readonly uid: number;
  /** The numeric id of the user's group. */
  readonly gid: number;
  /** Tells this process from earlier and later ones with the same id; left out if the system does not provide it. */
  readonly process?: ProcessMark;
}

/** What creating key files needs. */
export interface KeyTools {
  readonly clock: Clock;
  readonly identity: Identity;
  readonly randomBytes: (count: number) => Uint8Array<ArrayBuffer>;
  /** The cost of deriving a key from a password; tests use a low one. */
  readonly kdf?: ScryptParameters;
}

/** A master key and the name of the key file that held it. */
export interface UnlockedKey {
  readonly keys: SealingKeys;
  readonly keyId: KeyId;
}

/**
 * Why a key file cannot be read, which says nothing about the password. Rethrows errors that say nothing about the
 * file.
 */
export async function failureOfKey(store: StoreReader, error: unknown): Promise<AgentError> {
  if (error instanceof IntegrityError) return error;
  if (error instanceof TemporaryError) throw error;
  return await failureOfFile(store, error, undefined);
}

/** Advice on removing a key file. */
export function removalOfKey(id: KeyId): string {
  return `"agent key remove ${shortId(id)}" removes it, for an append-only server where it runs, with its folder as ` +
    "the repository";
}

/** A key file with its name. */
export interface ListedKey extends KeyFile {
  /** The name of the file. */
  readonly id: KeyId;
}

/** A file among the keys that is not a key file or cannot be read, and why. */
export interface UnreadableKey {
  readonly id: KeyId;
  readonly error: AgentError;
}

/** All key files. */
interface KeyList {
  /** Oldest first. */
  readonly keys: readonly ListedKey[];
  readonly unreadable: readonly UnreadableKey[];
}

/** Reads all key files. Throws what the store throws. */
export async function listKeys(store: StoreReader): Promise<KeyList> {
  const keys: ListedKey[] = [];
  const unreadable: UnreadableKey[] = [];
  for (const id of await listKeyIds(store)) {
    try {
      const keyFile = await loadKeyFile(store, id);
      if (keyFile !== undefined) keys.push({ ...keyFile, id });
    } catch (error) {
      unreadable.push({ id, error: await failureOfKey(store, error) });
    }
  }
  keys.sort((a, b) => timestampToDate(a.created).getTime() - timestampToDate(b.created).getTime());
  return { keys, unreadable };
}

/** Wraps the master key under another password; returns the name of the new key file. */
export async function addKey(store: BlobStore, keys: SealingKeys, password: Password, tools: KeyTools): Promise<KeyId> {
  if (password.length === 0) {
    throw new UsageError("Refusing an empty password: restic would not open the repository with it; choose another");
  }
  const parameters = tools.kdf ?? NEW_KEY_PARAMETERS;
  const salt = tools.randomBytes(SALT_BYTES);
  const sealer = createSealer(await deriveKey(passwordBytes(password), salt, parameters), tools.randomBytes);
  const bytes = encodeKeyFile({
    created: formatTimestamp(tools.clock.now()),
    username: tools.identity.username,
    hostname: tools.identity.hostname,
    kdf: "scrypt",
    ...parameters,
    salt,
    data: sealer.seal(encodeMasterKey(keys)),
  });
  const id = asId<KeyId>(sha256Hex(bytes));
  await store.put({ kind: "key", name: id }, [bytes]);
  return id;
}

/** Removes a key file. Throws `UsageError` for the one in use and for one that does not exist. */
export async function removeKey(store: BlobStore, id: KeyId, inUse: KeyId): Promise<void> {
  if (id === inUse) {
    throw new UsageError(
      `Refusing to remove key ${shortId(id)}: it is the one in use; open with another password first`,
    );
  }
  if (!(await listKeyIds(store)).includes(id)) {
    throw new UsageError(`There is no key ${shortId(id)}; "agent key list" shows them`);
  }
  await store.remove({ kind: "key", name: id });
}

/** The names of all files among the keys, sorted. */
export async function listKeyIds(store: StoreReader): Promise<KeyId[]> {
  const ids: KeyId[] = [];
  for await (const { name } of store.list("key")) ids.push(asId<KeyId>(name));
  return ids.sort();
}

/** Loads a key file; undefined if it is gone since it was listed (another process has changed the password). */
export async function loadKeyFile(store: StoreReader, id: KeyId): Promise<KeyFile | undefined> {
  try {
    const bytes = await getLimited(store, { kind: "key", name: id }, MOST_SMALL_FILE_BYTES);
    if (sha256Hex(bytes) === id) {
      const keyFile = decodeKeyFile(bytes, `key ${id}`);
      assertParameters(keyFile);
      return keyFile;
    }
  } catch (error) {
    if (error instanceof NotFoundError) return undefined;
    throw error;
  }
  throw new IntegrityError(
    `Damaged key ${id}: its content does not have the SHA-256 it is named by; bring the file back from a copy of the store`,
  );
}
