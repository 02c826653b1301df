/** An open repository: its store, config and keys, and the files that every use case works with. */
import {
  type AgentError,
  ExistsError,
  IntegrityError,
  NoRepositoryError,
  NotFoundError,
  StoreError,
} from "../base/errors.ts";
import { encodeHex } from "../base/hex.ts";
import type { KeyId } from "../base/id.ts";
import type { DeriveKey, Password } from "../crypto/kdf.ts";
import { createSealer, type Sealer, type SealingKeys } from "../crypto/seal.ts";
import type { BlobType } from "../format/blob.ts";
import { decodeConfig, encodeConfig, type RepositoryConfig } from "../format/config.ts";
import { MOST_SMALL_FILE_BYTES } from "../format/bounds.ts";
import { randomPolynomial } from "../format/polynomial.ts";
import { type BlobStore, CONFIG_FILE, type StoreReader } from "../store/store.ts";
import type { Spill } from "../store/spill/spill.ts";
import type { BlobIndex } from "./index/blob_index.ts";
import type { SortedTables } from "./index/sorted/sorted_tables.ts";
import type { SortedPlace } from "./index/sorted/open_sorted.ts";
import type { KeptSnapshots } from "./kept_snapshots.ts";
import { type KeyMemory, unlockMasterKey } from "./key_search.ts";
import { addKey, type KeyTools, type UnlockedKey } from "./key_files.ts";
import type { HeldLock } from "./lock/held_lock.ts";
import { LockedFileWriter } from "./lock/locked_files.ts";
import type { ObserveRepository, RepositoryObserver } from "./observer.ts";
import { getLimited, SealedFiles, SealedFileWriter } from "./sealed_files.ts";

/** An open repository that can be read; neither locked nor indexed. */
export interface Repository {
  readonly store: StoreReader;
  readonly config: RepositoryConfig;
  readonly keys: SealingKeys;
  /** The key file that the password opened. */
  readonly keyId: KeyId;
  readonly sealer: Sealer;
  readonly files: SealedFiles;
  /** Where a sorted form of all index files may be kept on this machine; undefined, or absent, if nowhere. */
  readonly sortedIndex?: SortedPlace | undefined;
  /** What is open of it for readers. */
  readonly sortedTables?: SortedTables | undefined;
  /** Where tables go on disk that exceed memory; undefined, or absent, if nowhere. */
  readonly spill?: Spill | undefined;
}

/**
 * An open repository that can be written to without a lock. It is meant for two purposes. One is making a repository
 * (its config and first key), which nobody else knows yet. The other is handling locks: taking, refreshing, releasing
 * or removing one cannot require a lock. All other work takes a `Repository` or a `LockedRepository`.
 */
export interface UnlockedRepository extends Repository {
  readonly store: BlobStore;
  readonly files: SealedFileWriter;
}

/**
 * A repository under a confirmed lock. Code that writes or removes packs, indexes, snapshots or keys takes this type;
 * its store is wrapped by `withHeldLock`. Code that bases decisions on the repository's content must read it from here,
 * too: until the lock was confirmed, others may have changed it.
 */
export interface LockedRepository extends Repository {
  readonly store: BlobStore;
  readonly files: LockedFileWriter;
  readonly lock: HeldLock;
}

/** A repository with a loaded index, which can find all blobs or those of one type. */
export interface IndexedRepository<Located extends BlobType = BlobType> extends Repository {
  readonly index: BlobIndex<Located>;
}

/** What opening a repository needs. */
interface OpenOptions {
  readonly password: Password;
  readonly randomBytes: (count: number) => Uint8Array<ArrayBuffer>;
  /** Remembers which key file opened; left out if nothing is to be remembered. */
  readonly keyMemory?: KeyMemory | undefined;
  /** Derives the keys of passwords; `deriveKey` by default. */
  readonly deriveKey?: DeriveKey | undefined;
  /** Called for key files that were skipped because they cannot be read. */
  readonly onProblem?: ((problem: AgentError) => void) | undefined;
  /** Begins to observe it; left out if nobody does. */
  readonly observe?: ObserveRepository | undefined;
}

/**
 * Opens the repository in a store. Throws `NoRepositoryError` if there is none, `WrongPasswordError`, and
 * `IntegrityError` if its config is damaged or has an unknown version.
 */
export async function openRepository(store: BlobStore, options: OpenOptions): Promise<UnlockedRepository> {
  const sealedConfig = await loadConfig(store);
  const unlocked = await unlockMasterKey(store, options.password, {
    accepts: (keys) => opensConfig(keys, sealedConfig, options),
    memory: options.keyMemory,
    derive: options.deriveKey,
    onProblem: options.onProblem,
  });
  const sealer = createSealer(unlocked.keys, options.randomBytes);
  const config = decodeConfig(sealer.open(sealedConfig, "config"), "config");
  const observer = options.observe?.({ id: config.id, location: store.location });
  return assemble({ store, config, sealer, unlocked, observer });
}

/** Whether a master key is the repository's; somebody may have wrapped another one under the same password. */
function opensConfig(keys: SealingKeys, sealedConfig: Uint8Array, { randomBytes }: OpenOptions): boolean {
  return createSealer(keys, randomBytes).opens(sealedConfig);
}

/** The same open repository with another store, which wraps its own. */
export function withStore(repository: UnlockedRepository, store: BlobStore): UnlockedRepository {
  const { sealer, config: { version }, files: { observer } } = repository;
  return { ...repository, store, files: new SealedFileWriter(store, sealer, version, observer) };
}

/**
 * The repository, read through another store that wraps its own. With `kept`, snapshots that are kept on this machine are
 * not read from it.
 */
export function readingFrom(
  { config, keys, keyId, sealer, files }: Repository,
  store: StoreReader,
  kept?: KeptSnapshots,
): Repository {
  return { store, config, keys, keyId, sealer, files: new SealedFiles(store, sealer, files.observer, kept) };
}

/** The same open repository under a lock. */
export function underLock({ store, ...repository }: UnlockedRepository, lock: HeldLock): LockedRepository {
  const { sealer, config: { version }, files: { observer } } = repository;
  const files = new LockedFileWriter({ store, sealer, version, observer }, lock);
  return { ...repository, store: files.store, files, lock };
}

/** What repositories share that cut the same content at the same places. */
export interface SharedChunking {
  /** The polynomial of restic's chunker, in lower-case hex digits. */
  readonly chunkerPolynomial: string;
  /** The secret behind the gear table, 1024 bytes. */
  readonly gearSecret: Uint8Array;
}

/** What making a repository needs. */
interface InitTools extends KeyTools {
  /** How to cut; by default the repository shares that with no other one. */
  readonly chunking?: SharedChunking | undefined;
  /**
   * Called before an error is thrown, if it is certain that no repository was made and the password opens nothing. It
   * is not certain if an answer of the store was lost.
   */
  readonly onUnused?: () => Promise<void>;
}

/** Makes a repository of format version 2 in a store that holds none; throws `ExistsError` if there is one. */
export async function initRepository(
  store: BlobStore,
  password: Password,
  tools: InitTools,
): Promise<UnlockedRepository> {
  let draft: Draft;
  try {
    draft = await draftRepository(store, password, tools);
  } catch (error) {
    await tools.onUnused?.();
    throw error;
  }
  try {
    await store.put(CONFIG_FILE, [draft.sealedConfig]);
  } catch (error) {
    if (await isNotStored(store, draft.sealedConfig, error)) {
      // The key opens nothing. It would hinder the next init, and the process that stored its config first. The error
      // to report is why the config was not stored, whether or not the key can be removed.
      await store.remove({ kind: "key", name: draft.repository.keyId }).catch(() => {});
      await tools.onUnused?.();
    }
    throw error;
  }
  return draft.repository;
}

/** A repository that lacks only its config. */
interface Draft {
  readonly repository: UnlockedRepository;
  readonly sealedConfig: Uint8Array;
}

/** Prepares everything but the config, which is stored last: without it there is no repository. */
async function draftRepository(store: BlobStore, password: Password, tools: InitTools): Promise<Draft> {
  await refuseExisting(store);
  await store.create();
  const keys = newMasterKey(tools.randomBytes);
  const keyId = await addKey(store, keys, password, tools);
  const sealer = createSealer(keys, tools.randomBytes);
  const config: RepositoryConfig = {
    version: 2,
    id: encodeHex(tools.randomBytes(32)),
    chunkerPolynomial: tools.chunking?.chunkerPolynomial ?? randomPolynomial(tools.randomBytes),
    gearSecret: tools.chunking?.gearSecret ?? null,
  };
  const repository = assemble({ store, config, sealer, unlocked: { keys, keyId } });
  return { repository, sealedConfig: sealer.seal(encodeConfig(config)) };
}

/** Whether it is certain that this config was not stored: the store finally refused it, and has none or another one. */
async function isNotStored(store: BlobStore, sealedConfig: Uint8Array, error: unknown): Promise<boolean> {
  if (!(error instanceof StoreError) || error.retryable) return false;
  try {
    return encodeHex(await store.get(CONFIG_FILE)) !== encodeHex(sealedConfig);
  } catch (thrown) {
    return thrown instanceof NotFoundError;
  }
}

interface Parts {
  readonly store: BlobStore;
  readonly config: RepositoryConfig;
  readonly sealer: Sealer;
  readonly unlocked: UnlockedKey;
  readonly observer?: RepositoryObserver | undefined;
}

function assemble({ store, config, sealer, unlocked, observer }: Parts): UnlockedRepository {
  return { store, config, sealer, ...unlocked, files: new SealedFileWriter(store, sealer, config.version, observer) };
}

async function loadConfig(store: BlobStore): Promise<Uint8Array> {
  try {
    return await getLimited(store, CONFIG_FILE, MOST_SMALL_FILE_BYTES);
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
    const message = `There is no repository in ${store.location}; make one with "agent init" or name another place`;
    throw new NoRepositoryError(message, { cause: error });
  }
}

async function refuseExisting(store: BlobStore): Promise<void> {
  try {
    await store.size(CONFIG_FILE);
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
    for await (const _ of store.list("key")) {
      throw new ExistsError(
        `There are key files in ${store.location} but no config: refusing to make a repository over them; ` +
          "if an earlier init was broken off there, remove them first",
      );
    }
    return;
  }
  throw new ExistsError(`There is a repository in ${store.location} already: use it, or name another place`);
}

/** Random keys. `r` is clamped as Poly1305 requires, because older versions of restic store it that way. */
function newMasterKey(randomBytes: (count: number) => Uint8Array<ArrayBuffer>): SealingKeys {
  const macR = randomBytes(16);
  for (const i of [3, 7, 11, 15]) macR[i]! &= 0x0f;
  for (const i of [4, 8, 12]) macR[i]! &= 0xfc;
  const keys = { encrypt: randomBytes(32), macK: randomBytes(16), macR };
  if (Object.values(keys).some((key) => key.every((byte) => byte === 0))) {
    throw new IntegrityError(
      "The random source of this machine gives only zeros: no key can be made with it; repair it",
    );
  }
  return keys;
}
