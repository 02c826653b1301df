/** Finds the key file that a password opens. Anybody who may write to the store may have added files. */
import { mapConcurrently } from "../base/concurrency.ts";
import { type AgentError, IntegrityError, NoRepositoryError, WrongPasswordError } from "../base/errors.ts";
import { type KeyId, shortId } from "../base/id.ts";
import { type DeriveKey, deriveKey, type Password, passwordBytes, scryptWork } from "../crypto/kdf.ts";
import { createSealer, type Sealer, type SealingKeys } from "../crypto/seal.ts";
import { decodeMasterKey, type KeyFile } from "../format/key_file.ts";
import type { StoreReader } from "../store/store.ts";
import {
  failureOfKey,
  type ListedKey,
  listKeyIds,
  loadKeyFile,
  removalOfKey,
  type UnlockedKey,
  type UnreadableKey,
} from "./key_files.ts";

/** Remembers, for one machine and one store, which key file opened it last. Its calls never fail. */
export interface KeyMemory {
  /** The name of the key file that opened last; undefined if unknown. */
  recall(): Promise<string | undefined>;
  /** Remembers the key file that opened. */
  keep(id: string): Promise<void>;
}

/** Options of `unlockMasterKey`. */
interface UnlockOptions {
  /** Whether a master key is the repository's own; a key file with another master key counts as damaged. */
  readonly accepts?: (keys: SealingKeys) => boolean;
  readonly memory?: KeyMemory | undefined;
  /** Derives the keys of passwords; `deriveKey` by default. */
  readonly derive?: DeriveKey | undefined;
  /** Called for key files that were skipped because they are damaged or cannot be read. */
  readonly onProblem?: ((problem: AgentError) => void) | undefined;
}

/** The same limit as restic's, since each key file costs a derivation. */
export const MOST_KEYS_TRIED = 20;
/** The most that all derivations together may mix, in bytes: some 20 seconds on a small machine. */
const MOST_WORK_BYTES = 8 * 2 ** 30;
/** Limits reads, since the store may hold many files that are not keys. */
const MOST_FILES_READ = 1000;

const READS_AT_ONCE = 8;

/**
 * Finds the key file that the password opens: first the one that opened last on this machine, then the others, the
 * cheapest first, so that expensive ones that somebody added do not delay it. Damaged key files are skipped if another
 * one opens. Throws `NoRepositoryError` if there is no key file, `WrongPasswordError` if none opens, and
 * `IntegrityError` if none can be read.
 */
export async function unlockMasterKey(
  store: StoreReader,
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
  const search = new KeySearch(store, password, options);
  const unlocked = await search.run(ids, last);
  if (search.unreadable.length > 0 && unlocked !== undefined) options.onProblem?.(passedOver(search.unreadable));
  if (unlocked === undefined) throw search.failure();
  if (ids.length > 1 && unlocked.keyId !== last) await options.memory?.keep(unlocked.keyId);
  return unlocked;
}

/** Tries key files one after the other. */
class KeySearch {
  readonly unreadable: UnreadableKey[] = [];
  readonly #store: StoreReader;
  readonly #password: Password;
  readonly #accepts: (keys: SealingKeys) => boolean;
  readonly #derive: DeriveKey;
  /** Opened with the password, but holds another master key: the last resort if the config is damaged. */
  #strange: UnlockedKey | undefined;
  #refused = 0;
  #untried = 0;
  #workBytes = 0;

  constructor(
    store: StoreReader,
    password: Password,
    { accepts = () => true, derive = deriveKey }: Pick<UnlockOptions, "accepts" | "derive">,
  ) {
    this.#store = store;
    this.#password = password;
    this.#accepts = accepts;
    this.#derive = derive;
  }

  /** Returns the first key file that opens; undefined if none does. Tries `last` before the others are even read. */
  async run(ids: readonly KeyId[], last: string | undefined): Promise<UnlockedKey | undefined> {
    const known = ids.filter((id) => id === last);
    const others = ids.filter((id) => id !== last);
    this.#untried = Math.max(others.length - MOST_FILES_READ, 0);
    return await this.#runThrough(known) ?? await this.#runThrough(others.slice(0, MOST_FILES_READ)) ?? this.#strange;
  }

  /** The error that says why none opened. */
  failure(): AgentError {
    const { location } = this.#store;
    const [first, ...others] = this.unreadable;
    if (this.#refused === 0 && this.#untried === 0 && first !== undefined) {
      const damage = withKeyAdvice(first.error);
      if (others.length === 0 || !(damage instanceof IntegrityError)) return damage;
      const none = `none of the ${this.unreadable.length} key files in ${location} can be read: ${damage.message}`;
      return new IntegrityError(`Cannot open the repository: ${none}`, { cause: first.error });
    }
    const unread = first === undefined ? "" : `; ${unreadableText(this.unreadable)}`;
    return new WrongPasswordError(`Wrong password for ${location}: ${this.#refusal()}${unread}`);
  }

  #refusal(): string {
    if (this.#untried > 0) {
      return `none of the ${this.#refused} key files tried opens with it; ${this.#untried} more were not tried, because ` +
        `at most ${MOST_KEYS_TRIED} are, the cheapest first, and none that would take minutes: remove those that nobody ` +
        'knows with "agent key remove", or by hand where the repository lies, in its folder "keys"';
    }
    const only = this.unreadable.length === 0 ? "its only key file" : "the only key file that can be read";
    const which = this.#refused === 1 ? `${only} does not open` : `none of its ${this.#refused} key files opens`;
    return `${which} with it; check which file, variable or command it comes from`;
  }

  async #runThrough(ids: readonly KeyId[]): Promise<UnlockedKey | undefined> {
    const loaded = await mapConcurrently(ids, READS_AT_ONCE, (id) => this.#orUnreadable(id, () => this.#load(id)));
    const keyFiles = loaded.filter((keyFile) => keyFile !== undefined);
    for (const keyFile of keyFiles.toSorted((a, b) => scryptWork(a) - scryptWork(b))) {
      const keys = await this.#orUnreadable(keyFile.id, () => this.#try(keyFile));
      if (keys !== undefined) return { keys, keyId: keyFile.id };
    }
    return undefined;
  }

  async #load(id: KeyId): Promise<ListedKey | undefined> {
    const keyFile = await loadKeyFile(this.#store, id);
    return keyFile && { ...keyFile, id };
  }

  async #orUnreadable<T>(id: KeyId, work: () => Promise<T | undefined>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      this.unreadable.push({ id, error: await failureOfKey(this.#store, error) });
      return undefined;
    }
  }

  async #try(keyFile: ListedKey): Promise<SealingKeys | undefined> {
    const { id, salt } = keyFile;
    const workBytes = scryptWork(keyFile);
    if (this.#refused === MOST_KEYS_TRIED || this.#workBytes + workBytes > MOST_WORK_BYTES) {
      this.#untried++;
      return undefined;
    }
    this.#workBytes += workBytes;
    const sealer = createSealer(await this.#derive(passwordBytes(this.#password), salt, keyFile), noRandom);
    const keys = unwrap(keyFile, sealer, `key ${id}`);
    if (keys === undefined) {
      this.#refused++;
      return undefined;
    }
    if (this.#accepts(keys)) return keys;
    this.#strange ??= { keys, keyId: id };
    throw new IntegrityError(`Damaged key ${id}: the password opens it, but its master key is not this repository's`);
  }
}

const NAMED_KEYS = 5;

function unreadableText(unreadable: readonly UnreadableKey[]): string {
  const ids = unreadable.slice(0, NAMED_KEYS).map(({ id }) => shortId(id)).join(", ");
  const more = unreadable.length > NAMED_KEYS ? ` and ${unreadable.length - NAMED_KEYS} more` : "";
  const what = unreadable.length === 1 ? "a key file that cannot be read" : "key files that cannot be read";
  return `passing over ${what}, ${ids}${more}: ${unreadable[0]!.error.message}`;
}

/** Without a key file that opens, no check of the repository can say what helps. */
function withKeyAdvice(error: AgentError): AgentError {
  if (!(error instanceof IntegrityError) || error.message.includes("; ")) return error;
  return new IntegrityError(`${error.message}; bring the file back from a copy of the store`, { cause: error });
}

function passedOver(unreadable: readonly UnreadableKey[]): AgentError {
  const text = unreadableText(unreadable);
  return new IntegrityError(`${text[0]!.toUpperCase()}${text.slice(1)}; ${removalOfKey(unreadable[0]!.id)}`);
}

/** The master key; undefined if this key file has another password. */
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
