/** Writes index files from packs as they come; each pack is in one file only. */
import type { IndexId } from "../../base/id.ts";
import { INDEX_MAX_BLOBS, type IndexedPack } from "../../format/index/index_file.ts";
import type { LockedFileWriter } from "../lock/locked_files.ts";

/** Options of `IndexFileWriter`. */
export interface IndexWriteOptions {
  readonly signal: AbortSignal;
}

/** Writes a file whenever the added packs fill one. */
export class IndexFileWriter {
  readonly #files: LockedFileWriter;
  readonly #options: IndexWriteOptions;
  readonly #written: IndexId[] = [];
  #packs: IndexedPack[] = [];
  #blobs = 0;

  constructor(files: LockedFileWriter, options: IndexWriteOptions) {
    this.#files = files;
    this.#options = options;
  }

  /** The files that are durable. */
  get written(): readonly IndexId[] {
    return this.#written;
  }

  /**
   * Adds a pack; if it fills a file, resolves once that file is durable. Owns: keeps the pack until then. Pass
   * `blobCount` if `pack.blobs` is computed at each access: then it is accessed only for writing.
   */
  async add(pack: IndexedPack, blobCount = pack.blobs.length): Promise<void> {
    this.#packs.push(pack);
    this.#blobs += blobCount;
    if (this.#blobs >= INDEX_MAX_BLOBS) await this.#write();
  }

  /** Makes everything that was added durable. */
  async finish(): Promise<void> {
    if (this.#packs.length > 0) await this.#write();
  }

  async #write(): Promise<void> {
    const packs = this.#packs;
    this.#packs = [];
    this.#blobs = 0;
    this.#written.push((await this.#files.saveIndex(packs, this.#options)).id);
  }
}
