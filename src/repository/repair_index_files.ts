/**
 * Index files in exchange for others: new ones are written, and become durable, before any old one goes. Whatever stops
 * the exchange, everything that was listed before is still listed; at worst twice.
 */
import { decodeHex } from "../base/hex.ts";
import type { IndexId, PackId } from "../base/id.ts";
import { freeBuffer } from "../base/memory.ts";
import type { PackedBlob } from "../format/blob.ts";
import { encodeIndex, INDEX_MAX_BLOBS, type IndexedPack } from "../format/index_file.ts";
import { packsOfIndex } from "./index_packs.ts";
import type { Repository } from "./repository.ts";
import type { SealedFiles } from "./sealed_files.ts";

/** How index files are written and removed. */
export interface IndexWriteOptions {
  readonly signal: AbortSignal;
  /** Throws where the lock is lost; asked before each file is written or removed. */
  readonly confirmLock: () => Promise<void>;
}

/** Writes index files from packs as they come; each pack whole and in one file. */
export class IndexFileWriter {
  readonly #files: SealedFiles;
  readonly #options: IndexWriteOptions;
  readonly #written: IndexId[] = [];
  #packs: IndexedPack[] = [];
  #blobs = 0;

  constructor(files: SealedFiles, options: IndexWriteOptions) {
    this.#files = files;
    this.#options = options;
  }

  /** The files that are durable. */
  get written(): readonly IndexId[] {
    return this.#written;
  }

  /** Adds a pack; resolves once a file that it filled is durable. Owns: keeps `blobs` and their ids until then. */
  async add(id: PackId, blobs: readonly PackedBlob[]): Promise<void> {
    this.#packs.push({ id: decodeHex(id), blobs });
    this.#blobs += blobs.length;
    if (this.#blobs >= INDEX_MAX_BLOBS) await this.#write();
  }

  /** Makes everything durable that was added. */
  async finish(): Promise<void> {
    if (this.#packs.length > 0) await this.#write();
  }

  async #write(): Promise<void> {
    const { signal, confirmLock } = this.#options;
    const json = encodeIndex(this.#packs);
    this.#packs = [];
    this.#blobs = 0;
    await confirmLock();
    this.#written.push(await this.#files.save("index", json, { signal }));
    freeBuffer(json);
  }
}

/** Index files to be replaced, and what of them is worth keeping. */
export interface IndexExchange {
  /** Those that can be read; what `keeps` says of their packs is written again. */
  readonly readable: readonly IndexId[];
  /** Those that cannot. */
  readonly damaged: readonly IndexId[];
  readonly keeps: (file: IndexId, pack: PackId) => boolean;
}

/** What an exchange takes besides. */
export interface ExchangeOptions extends IndexWriteOptions {
  /** May hold packs already; is finished before anything is removed. */
  readonly writer: IndexFileWriter;
  /** Called with the number of old files that are copied or removed, of twice as many. */
  readonly onProgress: (done: number, total: number) => void;
}

/** Replaces the index files. Throws what the store throws, and the signal's reason. */
export async function exchangeIndexFiles(
  { files }: Repository,
  { readable, damaged, keeps }: IndexExchange,
  { writer, confirmLock, signal, onProgress }: ExchangeOptions,
): Promise<void> {
  const total = readable.length * 2 + damaged.length;
  let done = 0;
  for (const id of readable) {
    signal.throwIfAborted();
    for (const [pack, blobs] of packsOfIndex(await files.load("index", id, { signal }), `index ${id}`)) {
      if (keeps(id, pack)) await writer.add(pack, blobs);
    }
    onProgress(++done, total);
  }
  await writer.finish();
  // Those that can be read first: removing one that the store does not even give may fail.
  for (const id of [...readable, ...damaged]) {
    signal.throwIfAborted();
    await confirmLock();
    await files.remove("index", id, { signal });
    onProgress(++done, total);
  }
}
