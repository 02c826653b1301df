/**
 * Key files: each wraps the same master key under a password of its own (restic design document, section Keys, Encryption
 * and MAC).
 */
import type { Clock } from "../base/clock.ts";
import {
  type AgentError,
  IntegrityError,
  NoRepositoryError,
  NotFoundError,
  TemporaryError,
  UsageError,
  WrongPasswordError,
} from "../base/errors.ts";
import { asId, type KeyId, shortId } from "../base/id.ts";
import { sha256Hex } from "../crypto/digest.ts";
import {
  assertParameters,
  deriveKey,
  NEW_KEY_PARAMETERS,
  type Password,
  passwordBytes,
  SALT_BYTES,
  scryptMemory,
  type ScryptParameters,
  scryptWork,
} from "../crypto/kdf.ts";
import { createSealer, type Sealer, type SealingKeys } from "../crypto/seal.ts";
import { decodeKeyFile, decodeMasterKey, encodeKeyFile, encodeMasterKey, type KeyFile } from "../format/key_file.ts";
import { MOST_SMALL_FILE_BYTES } from "../format/limits.ts";
import type { ProcessMark } from "../format/lock.ts";
import { formatTimestamp, timestampToDate } from "../format/time.ts";
import type { BlobStore } from "../store/store.ts";
import { getLimited } from "./sealed_files.ts";
import { failureOfFile } from "./unreadable.ts";

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

/** Remembers, for one machine and one store, which key file opened it last. Neither call ever fails its caller. */
export interface KeyMemory {
  recall(): Promise<string | undefined>;
  keep(id: string): Promise<void>;
}

/** Options of `unlockMasterKey`. */
export interface UnlockOptions {
  /** Whether a master key is the repository's own; a key file that holds another one is none of its. */
  readonly accepts?: (keys: SealingKeys) => boolean;
  readonly memory?: KeyMemory | undefined;
  /** Told of key files that were passed over because they are none or cannot be read. */
  readonly onProblem?: ((problem: AgentError) => void) | undefined;
}

/** restic gives up after as many key files; so does this, since each one costs a derivation. */
export const MOST_KEYS_TRIED = 20;
/** What all derivations together may mix, in bytes: some 20 seconds of a small machine. */
const MOST_WORK_BYTES = 8 * 2 ** 30;
/**
 * A key file that asks for more than its share of that, or for more memory than restic's own do, waits until all others
 * were tried: a few dear ones in a store keep nobody out.
 */
const SHARE_OF_WORK_BYTES = MOST_WORK_BYTES / MOST_KEYS_TRIED;
const USUAL_MEMORY_BYTES = 64 * 2 ** 20;
/** Files that are no keys cost a read each. */
const MOST_FILES_READ = 1000;

/**
 * Finds the key file that the password opens, the one that opened last on this machine first. Whoever may add to a store
 * may add files that are no keys: they are passed over where another one opens. Throws `NoRepositoryError` where there is
 * no key file, `WrongPasswordError` where none opens, and `IntegrityError` where none of them can be read.
 */
export async function unlockMasterKey(
  store: BlobStore,
  password: Password,
  options: UnlockOptions = {},
): Promise<UnlockedKey> {
  const ids = await listKeyIds(store);
  if (ids.length === 0) {
    throw new NoRepositoryError(
      `There is a config but no key file in ${store.location}, so the repository cannot be opened: ` +
        "bring its key files back from a copy of the store",
    );
  }
  const last = ids.length > 1 ? await options.memory?.recall() : undefined;
  const search = new KeySearch(store, password, options.accepts ?? (() => true));
  const unlocked = await search.run(lastFirst(ids, last), last);
  if (search.unreadable.length > 0 && unlocked !== undefined) options.onProblem?.(passedOver(search.unreadable));
  if (unlocked === undefined) throw search.failure(ids.length);
  if (ids.length > 1 && unlocked.keyId !== last) await options.memory?.keep(unlocked.keyId);
  return unlocked;
}

function lastFirst(ids: readonly KeyId[], last: string | undefined): KeyId[] {
  return [...ids.filter((id) => id === last), ...ids.filter((id) => id !== last)];
}

/** A key file that is tried last, since it asks for much work. */
interface DearKey {
  readonly id: KeyId;
  readonly keyFile: KeyFile;
}

/** Tries key files one after the other. */
class KeySearch {
  readonly unreadable: UnreadableKey[] = [];
  readonly #store: BlobStore;
  readonly #password: Password;
  readonly #accepts: (keys: SealingKeys) => boolean;
  /** Opened with the password, and holds another master key: what is left where the config is damaged. */
  #strange: UnlockedKey | undefined;
  readonly #waiting: DearKey[] = [];
  #refused = 0;
  #workBytes = 0;

  constructor(store: BlobStore, password: Password, accepts: (keys: SealingKeys) => boolean) {
    this.#store = store;
    this.#password = password;
    this.#accepts = accepts;
  }

  /** The first that opens; undefined where none does. `last`, which opened before, never waits. */
  async run(ids: readonly KeyId[], last: string | undefined): Promise<UnlockedKey | undefined> {
    for (const id of ids.slice(0, MOST_FILES_READ)) {
      const keys = await this.#attempt(id, () => this.#try(id, id !== last));
      if (keys !== undefined) return { keys, keyId: id };
    }
    this.#waiting.sort((a, b) => scryptWork(a.keyFile) - scryptWork(b.keyFile));
    for (const { id, keyFile } of this.#waiting) {
      const keys = await this.#attempt(id, () => this.#open(id, keyFile));
      if (keys !== undefined) return { keys, keyId: id };
    }
    return this.#strange;
  }

  async #attempt(id: KeyId, work: () => Promise<SealingKeys | undefined>): Promise<SealingKeys | undefined> {
    if (this.#refused === MOST_KEYS_TRIED) return undefined;
    try {
      return await work();
    } catch (error) {
      this.unreadable.push({ id, error: await failureOfKey(this.#store, error) });
      return undefined;
    }
  }

  /** Why none opened; `listed`: how many key files there are. */
  failure(listed: number): AgentError {
    const { location } = this.#store;
    const [first] = this.unreadable;
    if (this.#refused === 0 && first !== undefined) {
      if (listed === 1 || !(first.error instanceof IntegrityError)) return first.error;
      const others = `none of the ${listed} key files in ${location} can be read: ${first.error.message}`;
      return new IntegrityError(`Cannot open the repository: ${others}`, { cause: first.error });
    }
    const untried = listed - this.#refused - this.unreadable.length;
    const which = untried === 0
      ? `none of its ${this.#refused} key files`
      : `none of the ${this.#refused} key files tried`;
    const more = untried === 0
      ? ""
      : `; ${untried} more were not tried, ${MOST_KEYS_TRIED} at most are, and fewer where they ask for much work: ` +
        `remove those that nobody knows with "agent key remove", where a password or a machine that opened it before still does`;
    const unread = first === undefined ? "" : `; ${unreadableText(this.unreadable)}`;
    return new WrongPasswordError(
      `Wrong password for ${location}: ${which} opens with it${more || "; see where it comes from"}${unread}`,
    );
  }

  async #try(id: KeyId, mayWait: boolean): Promise<SealingKeys | undefined> {
    const keyFile = await loadKeyFile(this.#store, id);
    if (keyFile === undefined) return undefined;
    if (!mayWait || !isDear(keyFile)) return await this.#open(id, keyFile);
    this.#waiting.push({ id, keyFile });
    return undefined;
  }

  async #open(id: KeyId, keyFile: KeyFile): Promise<SealingKeys | undefined> {
    const workBytes = scryptWork(keyFile);
    if (this.#workBytes + workBytes > MOST_WORK_BYTES) return undefined;
    const sealer = createSealer(await deriveKey(passwordBytes(this.#password), keyFile.salt, keyFile), noRandom);
    this.#workBytes += workBytes;
    this.#refused++;
    const keys = unwrap(keyFile, sealer, `key ${id}`);
    if (keys === undefined) return undefined;
    this.#refused--;
    if (this.#accepts(keys)) return keys;
    this.#strange ??= { keys, keyId: id };
    throw new IntegrityError(`Damaged key ${id}: the password opens it, and what is in it opens nothing else here`);
  }
}

function isDear(parameters: ScryptParameters): boolean {
  return scryptWork(parameters) > SHARE_OF_WORK_BYTES || scryptMemory(parameters) > USUAL_MEMORY_BYTES;
}

/** Key files that cannot be read say nothing about a password. Throws what says nothing about the file. */
async function failureOfKey(store: BlobStore, error: unknown): Promise<AgentError> {
  if (error instanceof IntegrityError) return error;
  if (error instanceof TemporaryError) throw error;
  return await failureOfFile(store, error, undefined);
}

const NAMED_KEYS = 5;

function unreadableText(unreadable: readonly UnreadableKey[]): string {
  const ids = unreadable.slice(0, NAMED_KEYS).map(({ id }) => shortId(id)).join(", ");
  const more = unreadable.length > NAMED_KEYS ? ` and ${unreadable.length - NAMED_KEYS} more` : "";
  const what = unreadable.length === 1 ? "a key file that cannot be read" : "key files that cannot be read";
  return `passing over ${what}, ${ids}${more}: ${unreadable[0]!.error.message}`;
}

function passedOver(unreadable: readonly UnreadableKey[]): AgentError {
  const text = unreadableText(unreadable);
  return new IntegrityError(`${text[0]!.toUpperCase()}${text.slice(1)}; ${removalOfKey(unreadable[0]!.id)}`);
}

/** How to be rid of a file among the keys. */
export function removalOfKey(id: KeyId): string {
  return `"agent key remove ${
    shortId(id)
  }" removes it, for an append-only server where it runs, with its folder as the ` +
    "repository";
}

/** A key file with its name. */
export interface ListedKey extends KeyFile {
  readonly id: KeyId;
}

/** A file among the keys that is none, or that the store does not give, and why. */
export interface UnreadableKey {
  readonly id: KeyId;
  readonly error: AgentError;
}

/** All key files. */
export interface KeyList {
  /** Oldest first. */
  readonly keys: readonly ListedKey[];
  readonly unreadable: readonly UnreadableKey[];
}

/** Reads all key files. Throws what the store throws. */
export async function listKeys(store: BlobStore): Promise<KeyList> {
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

/** The names of all files among the keys, sorted. */
export async function listKeyIds(store: BlobStore): Promise<KeyId[]> {
  const ids: KeyId[] = [];
  for await (const { name } of store.list("key")) ids.push(asId<KeyId>(name));
  return ids.sort();
}

/** A key file, or undefined where it vanished since it was listed (another process changed the password). */
async function loadKeyFile(store: BlobStore, id: KeyId): Promise<KeyFile | undefined> {
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

/** The master key, or undefined where the password is not this key file's. */
function unwrap({ data }: KeyFile, sealer: Sealer, what: string): SealingKeys | undefined {
  let plaintext: Uint8Array;
  try {
    plaintext = sealer.open(data, what);
  } catch (error) {
    if (error instanceof IntegrityError) return undefined;
    throw error;
  }
  return decodeMasterKey(plaintext, what);
}

function noRandom(): never {
  throw new TypeError("Opening needs no randomness");
}
