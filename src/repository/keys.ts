/**
 * Key files: each wraps the same master key under a password of its own (restic design document, section Keys, Encryption
 * and MAC).
 */
import type { Clock } from "../base/clock.ts";
import { IntegrityError, NoRepositoryError, NotFoundError, UsageError, WrongPasswordError } from "../base/errors.ts";
import { asId, type KeyId, shortId } from "../base/id.ts";
import { sha256Hex } from "../crypto/digest.ts";
import {
  deriveKey,
  NEW_KEY_PARAMETERS,
  type Password,
  passwordBytes,
  SALT_BYTES,
  type ScryptParameters,
} from "../crypto/kdf.ts";
import { createSealer, type SealingKeys } from "../crypto/seal.ts";
import { decodeKeyFile, decodeMasterKey, encodeKeyFile, encodeMasterKey, type KeyFile } from "../format/key_file.ts";
import type { ProcessMark } from "../format/lock.ts";
import { formatTimestamp, timestampToDate } from "../format/time.ts";
import type { BlobStore } from "../store/store.ts";

/** Who and where: written to key files, locks and snapshots. */
export interface Identity {
  readonly hostname: string;
  readonly username: string;
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
  /** What tells this process from others of its number; absent where the system does not say. */
  readonly process?: ProcessMark;
}

/** What key files are made with. */
export interface KeyTools {
  readonly clock: Clock;
  readonly identity: Identity;
  readonly randomBytes: (count: number) => Uint8Array<ArrayBuffer>;
  /** Cost of deriving a key from a password; tests take a cheap one. */
  readonly kdf?: ScryptParameters;
}

/** A master key and the key file it was unlocked with. */
export interface UnlockedKey {
  readonly keys: SealingKeys;
  readonly keyId: KeyId;
}

/** restic gives up after as many key files; so does this, since each one costs a derivation. */
const MOST_KEYS_TRIED = 20;

/**
 * Finds the key file that the password opens. Throws `NoRepositoryError` where there is no key file, and
 * `WrongPasswordError` where none opens.
 */
export async function unlockMasterKey(store: BlobStore, password: Password): Promise<UnlockedKey> {
  const ids = await listKeyIds(store);
  if (ids.length === 0) {
    throw new NoRepositoryError(
      `There is a config but no key file in ${store.location}, so the repository cannot be opened: ` +
        "bring its key files back from a copy of the store",
    );
  }
  for (const id of ids.slice(0, MOST_KEYS_TRIED)) {
    const keyFile = await loadKeyFile(store, id);
    if (keyFile === undefined) continue;
    const keys = await unwrap(keyFile, password, `key ${id}`);
    if (keys !== undefined) return { keys, keyId: id };
  }
  throw new WrongPasswordError(
    `Wrong password for ${store.location}: none of its ${ids.length} key files opens with it; see where it comes from`,
  );
}

/** A key file with its name. */
export interface ListedKey extends KeyFile {
  readonly id: KeyId;
}

/** All key files, oldest first. */
export async function listKeys(store: BlobStore): Promise<ListedKey[]> {
  const keys: ListedKey[] = [];
  for (const id of await listKeyIds(store)) {
    const keyFile = await loadKeyFile(store, id);
    if (keyFile !== undefined) keys.push({ ...keyFile, id });
  }
  return keys.sort((a, b) => timestampToDate(a.created).getTime() - timestampToDate(b.created).getTime());
}

/** Wraps the master key under one more password; gives the new key file's name. */
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

/** Removes a key file. Throws `UsageError` for the one in use and for one that is not there. */
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

async function listKeyIds(store: BlobStore): Promise<KeyId[]> {
  const ids: KeyId[] = [];
  for await (const { name } of store.list("key")) ids.push(asId<KeyId>(name));
  return ids.sort();
}

/** A key file, or undefined where it vanished since it was listed (another process changed the password). */
async function loadKeyFile(store: BlobStore, id: KeyId): Promise<KeyFile | undefined> {
  try {
    const bytes = await store.get({ kind: "key", name: id });
    const keyFile = decodeKeyFile(bytes, `key ${id}`);
    if (sha256Hex(bytes) === id) return keyFile;
  } catch (error) {
    if (error instanceof NotFoundError) return undefined;
    throw error;
  }
  throw new IntegrityError(
    `Damaged key ${id}: its content does not have the SHA-256 it is named by; bring the file back from a copy of the store`,
  );
}

/** The master key, or undefined where the password is not this key file's. */
async function unwrap(keyFile: KeyFile, password: Password, what: string): Promise<SealingKeys | undefined> {
  const sealer = createSealer(await deriveKey(passwordBytes(password), keyFile.salt, keyFile), noRandom);
  let plaintext: Uint8Array;
  try {
    plaintext = sealer.open(keyFile.data, what);
  } catch (error) {
    if (error instanceof IntegrityError) return undefined;
    throw error;
  }
  return decodeMasterKey(plaintext, what);
}

function noRandom(): never {
  throw new TypeError("Opening needs no randomness");
}
