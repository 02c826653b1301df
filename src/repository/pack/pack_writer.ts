/**
 * Writes blobs into packs during a backup, and indexes for the packs that are durable.
 *
 * Data blobs are spread at random over two open packs, so that the sizes of packs reveal nothing about the sizes of
 * chunks (docs/format.md, section Packs). Trees have their own pack. A blob counts as known as soon as it is added, but
 * an index lists it only once its pack is durable. Call `finish` before committing a snapshot.
 */
import type { Clock } from "../../base/clock.ts";
import { BackgroundWork } from "../../base/concurrency.ts";
import { IntegrityError } from "../../base/errors.ts";
import { Turn } from "../../base/limits.ts";
import { encodeHex } from "../../base/hex.ts";
import type { IndexId } from "../../base/id.ts";
import { freeBuffer } from "../../base/bytes.ts";
import { sha256 } from "../../crypto/digest.ts";
import { compress, type CompressionLevel } from "../../codec/compression.ts";
import type { BlobType } from "../../format/blob.ts";
import { INDEX_MAX_BLOBS } from "../../format/index/index_file.ts";
import type { BlobRegister } from "../index/blob_index.ts";
import { Pack, PackMemory, type SealedBlob } from "./pack.ts";
import type { StoreCallOptions } from "../../store/store.ts";
import type { GrowingIndex } from "../lock/locked_files.ts";
import type { LockedRepository } from "../repository.ts";

/** What a pack writer needs. */
export interface PackWriterOptions {
  /**
   * It must be locked. Otherwise another process could remove packs that no index lists yet, and an index of missing
   * packs would make later backups build on them.
   */
  readonly repository: LockedRepository;
  /** Records every blob that is added. */
  readonly index: BlobRegister;
  readonly clock: Clock;
  readonly randomBytes: (count: number) => Uint8Array;
  /** The size at which a pack is full, in bytes; 8 MiB by default. */
  readonly packBytes?: number;
  /** Aborts the upload of packs. */
  readonly signal?: AbortSignal;
  /** Called at once when a pack cannot be stored in the background. The next call that adds to a pack throws it, too. */
  readonly onFailure?: ((error: unknown) => void) | undefined;
  /** Whether blobs are only counted: no pack and no index is written. */
  readonly isDry?: boolean;
  /** Whether a tree that is known can be relied on; one that cannot is stored once more. By default all can. */
  readonly isReliable?: (tree: Uint8Array) => boolean | Promise<boolean>;
}

/** What was written so far. */
export interface WrittenTotals {
  /** Packs. */
  readonly packs: number;
  /** Blobs in them. */
  readonly blobs: number;
  /** Bytes of all finished packs, headers included. */
  readonly bytes: number;
}

/**
 * The size at which a data pack is full by default, in bytes: half of restic's default, since a put has three to five of
 * them in memory (docs/decisions.md).
 */
export const DEFAULT_PACK_BYTES = 8 * 1024 * 1024;

/** The longest time between two indexes, so that most packs of a killed backup can be reused. */
const INDEX_INTERVAL_MS = 60 * 1000;

/** The size at which a tree pack is full, in bytes. Trees are few, and a small pack keeps memory low. */
export const TREE_PACK_BYTES = 4 * 1024 * 1024;

export class PackWriter {
  readonly #repository: LockedRepository;
  readonly #index: BlobRegister;
  readonly #clock: Clock;
  readonly #coins: CoinTosser;
  readonly #packBytes: number;
  readonly #memory = new PackMemory();
  #dataPacks: [Pack, Pack] = [new Pack("data", this.#memory), new Pack("data", this.#memory)];
  #treePack = new Pack("tree", this.#memory);
  /**
   * Both data packs fill at the same rate. The first one is closed at half the size, so that they become full in turns.
   */
  #isFirstTurn = true;
  readonly #uploads: BackgroundWork;
  readonly #uploadOptions: StoreCallOptions;
  readonly #indexing = new Turn({ endsAtFailure: true });
  /** Lists the durable packs that no stored index lists. */
  #growing: GrowingIndex;
  #unindexedBlobs = 0;
  /** Indexes that are being stored, or could not be. */
  #unsaved: readonly GrowingIndex[] = [];
  #indexedAt: number;
  readonly #indexes: IndexId[] = [];
  #totals = { packs: 0, blobs: 0, bytes: 0 };
  #blobBytes = 0;
  #indexBytes = 0;
  readonly #isDry: boolean;
  readonly #isReliable: (tree: Uint8Array) => boolean | Promise<boolean>;

  constructor(options: PackWriterOptions) {
    this.#packBytes = options.packBytes ?? DEFAULT_PACK_BYTES;
    this.#repository = options.repository;
    this.#index = options.index;
    this.#growing = options.repository.files.newIndex();
    this.#clock = options.clock;
    this.#coins = new CoinTosser(options.randomBytes);
    this.#indexedAt = options.clock.monotonicMs();
    this.#uploads = new BackgroundWork(options.repository.store.uploads, options.onFailure);
    this.#uploadOptions = { signal: options.signal };
    this.#isDry = options.isDry ?? false;
    this.#isReliable = options.isReliable ?? (() => true);
  }

  get totals(): WrittenTotals {
    return { ...this.#totals };
  }

  /** The bytes of all added blobs, sealed, even if their packs are not finished. */
  get blobBytes(): number {
    return this.#blobBytes;
  }

  /** The bytes added to the store so far: finished packs and index files; of a dry run, the blobs of such packs. */
  get storedBytes(): number {
    if (this.#isDry) return this.#blobBytes;
    return this.#totals.bytes + this.#indexBytes;
  }

  /** The index files written so far. */
  get indexes(): readonly IndexId[] {
    return this.#indexes;
  }

  /**
   * Adds a sealed data blob unless it is known. Returns whether it was added, as a promise if the caller has to wait.
   * Full packs are written in the background, as many at once as the store allows; a later call throws what fails
   * there.
   */
  addData(blob: SealedBlob): boolean | Promise<boolean> {
    const isNew = this.#note(blob);
    if (typeof isNew === "boolean") return isNew && this.#storeNoted(blob);
    return isNew.then((isNew) => isNew && this.#storeNoted(blob));
  }

  /** Records a data blob; returns whether it was unknown. */
  #note({ id, isNotOnDisk }: SealedBlob): boolean | Promise<boolean> {
    const index = this.#index;
    try {
      return index.note("data", id, 0, isNotOnDisk);
    } catch (error) {
      if (index.renew === undefined || !(error instanceof IntegrityError)) throw error;
      return index.renew().then(() => index.note("data", id, 0, isNotOnDisk));
    }
  }

  #storeNoted(blob: SealedBlob): boolean | Promise<boolean> {
    const room = this.#index.makeRoom?.();
    return room === undefined ? this.#store(blob) : room.then(() => this.#store(blob));
  }

  #store(blob: SealedBlob): boolean | Promise<boolean> {
    this.#count(blob);
    if (this.#isDry) return true;
    const slot = this.#coins.toss();
    const pack = this.#dataPacks[slot];
    pack.add(blob);
    const fullBytes = this.#isFirstTurn ? this.#packBytes / 2 : this.#packBytes;
    return pack.length >= fullBytes ? this.#turnOver(slot) : true;
  }

  /** Stores a blob that is not sealed yet, unless it is known; returns its id, 32 bytes. */
  async addPlaintext(
    type: BlobType,
    plaintext: Uint8Array,
    compression: CompressionLevel = "auto",
  ): Promise<Uint8Array> {
    const id = sha256(plaintext);
    if (this.#index.has(type, id) && (type === "data" || await this.#isReliable(id))) return id;
    const blob = { id, ...this.#seal(plaintext, compression) };
    if (type === "data") await this.addData(blob);
    else await this.#addTree(blob);
    freeBuffer(blob.sealed);
    return id;
  }

  /** Compresses the plaintext if that makes it smaller, and seals it. */
  #seal(plaintext: Uint8Array, compression: CompressionLevel) {
    const { config, sealer } = this.#repository;
    const compressed = config.version === 2 && compression !== "off" ? compress(plaintext, compression) : undefined;
    if (compressed === undefined || compressed.length >= plaintext.length) {
      return { sealed: sealer.seal(plaintext), uncompressedLength: 0 };
    }
    return { sealed: sealer.seal(compressed), uncompressedLength: plaintext.length };
  }

  /** Makes everything that was added durable and indexes it. */
  async finish(): Promise<void> {
    const packs = [...this.#lastDataPacks(), this.#treePack];
    this.#dataPacks = [new Pack("data", this.#memory), new Pack("data", this.#memory)];
    this.#treePack = new Pack("tree", this.#memory);
    for (const pack of packs) {
      if (!pack.isEmpty) await this.#uploads.begin(() => this.#writePack(pack));
    }
    await this.#uploads.settle();
    await this.#writeIndex();
  }

  /**
   * Indexes the durable packs and drops the open ones, for a backup that is given up. Does not throw again what failed
   * in the background.
   */
  async abandon(): Promise<void> {
    await this.#uploads.settle().catch(() => {});
    // The packs of an index that is not whole are waste, which the next prune removes.
    this.#unsaved = this.#unsaved.filter(({ isWhole }) => isWhole);
    if (!this.#growing.isWhole) this.#growing = this.#repository.files.newIndex();
    await this.#writeIndex();
  }

  /** The remaining data packs; two small ones are merged. */
  #lastDataPacks(): Pack[] {
    const [left, right] = this.#dataPacks;
    if (left.length + right.length > this.#packBytes) return [left, right];
    left.absorb(right);
    return [left];
  }

  /** Replaces a full pack by an empty one, and begins to write the full one. */
  async #turnOver(slot: 0 | 1): Promise<boolean> {
    const full = this.#dataPacks[slot];
    this.#dataPacks[slot] = new Pack("data", this.#memory);
    this.#isFirstTurn = false;
    await this.#uploads.begin(async () => {
      await this.#writePack(full);
      await this.#indexWhenDue();
    });
    return true;
  }

  async #addTree(blob: SealedBlob): Promise<void> {
    this.#index.note("tree", blob.id);
    this.#count(blob);
    if (this.#isDry) return;
    this.#treePack.add(blob);
    if (this.#treePack.length < TREE_PACK_BYTES) return;
    const full = this.#treePack;
    this.#treePack = new Pack("tree", this.#memory);
    await this.#uploads.begin(() => this.#writePack(full));
  }

  #count({ sealed }: SealedBlob): void {
    this.#totals.blobs++;
    this.#blobBytes += sealed.length;
  }

  async #writePack(pack: Pack): Promise<void> {
    const { id, content, bytes } = pack.finish(this.#repository.sealer);
    await this.#repository.store.put({ kind: "pack", name: encodeHex(id) }, content, this.#uploadOptions);
    pack.release();
    this.#totals.packs++;
    this.#totals.bytes += bytes;
    this.#growing.add({ id, blobs: pack.contents.blobs });
    this.#unindexedBlobs += pack.contents.count;
  }

  /** Writes one index at a time, however many packs finish at once. */
  #indexWhenDue(): Promise<void> {
    return this.#indexing.take(() => this.#indexIsDue() ? this.#writeIndex() : undefined);
  }

  #indexIsDue(): boolean {
    return this.#unindexedBlobs >= INDEX_MAX_BLOBS || this.#clock.monotonicMs() - this.#indexedAt >= INDEX_INTERVAL_MS;
  }

  async #writeIndex(): Promise<void> {
    if (!this.#growing.isEmpty) {
      this.#unsaved = [...this.#unsaved, this.#growing];
      // More packs may be finished while the index is written.
      this.#growing = this.#repository.files.newIndex();
      this.#unindexedBlobs = 0;
    }
    for (let index = this.#unsaved[0]; index !== undefined; index = this.#unsaved[0]) {
      const { id, bytes } = await index.save();
      this.#unsaved = this.#unsaved.filter((unsaved) => unsaved !== index);
      this.#indexes.push(id);
      this.#indexBytes += bytes;
      this.#indexedAt = this.#clock.monotonicMs();
    }
  }
}

/** Fair coin tosses; fetches random bytes by the thousand. */
class CoinTosser {
  readonly #randomBytes: (count: number) => Uint8Array;
  #bytes = new Uint8Array(0);
  #next = 0;

  constructor(randomBytes: (count: number) => Uint8Array) {
    this.#randomBytes = randomBytes;
  }

  /** Returns 0 or 1. */
  toss(): 0 | 1 {
    if (this.#next === this.#bytes.length) {
      this.#bytes = new Uint8Array(this.#randomBytes(1024));
      this.#next = 0;
    }
    return (this.#bytes[this.#next++]! & 1) as 0 | 1;
  }
}
