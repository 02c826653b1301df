/** A repository that is open: its store, its config, its keys, and the files that every use case works with. */
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
import type { Password } from "../crypto/kdf.ts";
import { createSealer, type Sealer, type SealingKeys } from "../crypto/seal.ts";
import type { BlobType } from "../format/blob.ts";
import { decodeConfig, encodeConfig, type RepositoryConfig } from "../format/config.ts";
import { MOST_SMALL_FILE_BYTES } from "../format/limits.ts";
import { randomPolynomial } from "../format/polynomial.ts";
import { type BlobStore, CONFIG_FILE, type StoreReader } from "../store/store.ts";
import type { BlobIndex } from "./index/blob_index.ts";
import { type KeyMemory, unlockMasterKey } from "./key_search.ts";
import { addKey, type KeyTools, type UnlockedKey } from "./key_files.ts";
import type { HeldLock } from "./lock/held_lock.ts";
import { LockedFiles } from "./lock/locked_files.ts";
import { getLimited, SealedFiles, SealedFileWriter } from "./sealed_files.ts";

/** An open repository as everybody may have it: it can be read. Nothing of it is locked or indexed. */
export interface Repository {
  readonly store: StoreReader;
  readonly config: RepositoryConfig;
  readonly keys: SealingKeys;
  /** The key file that the password opened. */
  readonly keyId: KeyId;
  readonly sealer: Sealer;
  readonly files: SealedFiles;
}

/**
 * An open repository as whoever opened it has it: it can be written to without a lock. That is for what makes a repository,
 * which nobody else knows of yet (its config and its first key), and for locks: who takes, refreshes, releases or clears
 * them away cannot hold one for it. All other work takes a `Repository` or a `LockedRepository`.
 */
export interface UnlockedRepository extends Repository {
  readonly store: BlobStore;
  readonly files: SealedFileWriter;
}

/**
 * A repository under a lock that is known to hold: what writes or removes packs, indexes, snapshots or keys takes this and
 * nothing less. Its store is that of `withHeldLock`. What decides by what lies in the repository reads it from here, too: whoever was
 * there before the lock held may have changed it until then.
 */
export interface LockedRepository extends Repository {
  readonly store: BlobStore;
  readonly files: LockedFiles;
  readonly lock: HeldLock;
}

/** A repository whose index is loaded: what can find blobs, all of them or those of one type. */
export interface IndexedRepository<Located extends BlobType = BlobType> extends Repository {
  readonly index: BlobIndex<Located>;
}

/** What opening takes. */
interface OpenOptions {
  readonly password: Password;
  readonly randomBytes: (count: number) => Uint8Array<ArrayBuffer>;
  /** Remembers which key file opened; absent where nothing is kept. */
  readonly keyMemory?: KeyMemory | undefined;
  /** Told of key files that were passed over because they cannot be read. */
  readonly onProblem?: ((problem: AgentError) => void) | undefined;
}

/**
 * Opens the repository in a store. Throws `NoRepositoryError` where there is none, `WrongPasswordError`, and
 * `IntegrityError` where its config is damaged or of an unknown version.
 */
export async function openRepository(store: BlobStore, options: OpenOptions): Promise<UnlockedRepository> {
  const sealedConfig = await loadConfig(store);
  const unlocked = await unlockMasterKey(store, options.password, {
    accepts: (keys) => opensConfig(keys, sealedConfig, options),
    memory: options.keyMemory,
    onProblem: options.onProblem,
  });
  const sealer = createSealer(unlocked.keys, options.randomBytes);
  const config = decodeConfig(sealer.open(sealedConfig, "config"), "config");
  return assemble({ store, config, sealer, unlocked });
}

/** Whether a master key is the repository's: somebody may have wrapped another one under the same password. */
function opensConfig(keys: SealingKeys, sealedConfig: Uint8Array, { randomBytes }: OpenOptions): boolean {
  return createSealer(keys, randomBytes).opens(sealedConfig);
}

/** The same open repository with another store in place of its own: one that wraps it. */
export function withStore(repository: UnlockedRepository, store: BlobStore): UnlockedRepository {
  return { ...repository, store, files: new SealedFileWriter(store, repository.sealer, repository.config.version) };
}

/** A repository to read from by way of another store, which reads from its own. */
export function readingFrom({ config, keys, keyId, sealer }: Repository, store: StoreReader): Repository {
  return { store, config, keys, keyId, sealer, files: new SealedFiles(store, sealer) };
}

/** The same open repository under a lock. */
export function underLock({ store, ...repository }: UnlockedRepository, lock: HeldLock): LockedRepository {
  const { sealer, config: { version } } = repository;
  const files = new LockedFiles({ store, sealer, version }, lock);
  return { ...repository, store: files.store, files, lock };
}

/** What a repository is made with. */
interface InitTools extends KeyTools {
  /**
   * Called before what failed is thrown, where it is certain that no repository was made, so that the password opens
   * nothing. Where an answer of the store was lost, that is not certain.
   */
  readonly onUnused?: () => Promise<void>;
}

/** Makes a repository of format version 2 in a store that holds none; throws `ExistsError` where there is one. */
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
      // A key that opens nothing would stand in the way of the next init, and of whoever was faster with the config. Why
      // the config was not stored is what has to be told, whatever becomes of the key.
      await store.remove({ kind: "key", name: draft.repository.keyId }).catch(() => {});
      await tools.onUnused?.();
    }
    throw error;
  }
  return draft.repository;
}

/** All of a repository but its config. */
interface Draft {
  readonly repository: UnlockedRepository;
  readonly sealedConfig: Uint8Array;
}

/** The config comes last: as long as it is missing there is no repository. */
async function draftRepository(store: BlobStore, password: Password, tools: KeyTools): Promise<Draft> {
  await refuseExisting(store);
  await store.create();
  const keys = newMasterKey(tools.randomBytes);
  const keyId = await addKey(store, keys, password, tools);
  const sealer = createSealer(keys, tools.randomBytes);
  const config: RepositoryConfig = {
    version: 2,
    id: encodeHex(tools.randomBytes(32)),
    chunkerPolynomial: randomPolynomial(tools.randomBytes),
  };
  const repository = assemble({ store, config, sealer, unlocked: { keys, keyId } });
  return { repository, sealedConfig: sealer.seal(encodeConfig(config)) };
}

/**
 * Whether it is certain that this config was not stored: the store refused it for good, and it has none, or another one.
 */
async function isNotStored(store: BlobStore, sealedConfig: Uint8Array, error: unknown): Promise<boolean> {
  if (!(error instanceof StoreError) || error.retryable) return false;
  try {
    return encodeHex(await store.get(CONFIG_FILE)) !== encodeHex(sealedConfig);
  } catch (thrown) {
    return thrown instanceof NotFoundError;
  }
}

function assemble(
  parts: { store: BlobStore; config: RepositoryConfig; sealer: Sealer; unlocked: UnlockedKey },
): UnlockedRepository {
  const { store, config, sealer, unlocked } = parts;
  return { store, config, sealer, ...unlocked, files: new SealedFileWriter(store, sealer, config.version) };
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

/** Fresh random keys; `r` is clamped as Poly1305 asks, since older versions of restic store it that way. */
function newMasterKey(randomBytes: (count: number) => Uint8Array<ArrayBuffer>): SealingKeys {
  const macR = randomBytes(16);
  for (const i of [3, 7, 11, 15]) macR[i]! &= 0x0f;
  for (const i of [4, 8, 12]) macR[i]! &= 0xfc;
  const keys = { encrypt: randomBytes(32), macK: randomBytes(16), macR };
  if (Object.values(keys).some((key) => key.every((byte) => byte === 0))) {
    throw new IntegrityError(
      "The random source of this machine gives only zeros: no key can be made with it; see to it",
    );
  }
  return keys;
}
