/** Index files, written from packs as they come: each pack whole and in one file. */
import type { IndexId } from "../../base/id.ts";
import { INDEX_MAX_BLOBS, type IndexedPack } from "../../format/index/index_file.ts";
import type { LockedFiles } from "../lock/locked_files.ts";

/** How index files are written and removed. */
export interface IndexWriteOptions {
  readonly signal: AbortSignal;
}

/** Writes a file whenever the packs that were added fill one. */
export class IndexFileWriter {
  readonly #files: LockedFiles;
  readonly #options: IndexWriteOptions;
  readonly #written: IndexId[] = [];
  #packs: IndexedPack[] = [];
  #blobs = 0;

  constructor(files: LockedFiles, options: IndexWriteOptions) {
    this.#files = files;
    this.#options = options;
  }

  /** The files that are durable. */
  get written(): readonly IndexId[] {
    return this.#written;
  }

  /**
   * Adds a pack; resolves once a file that it filled is durable. Owns: keeps the pack until then. Where its blobs are made
   * anew at each look, `blobCount` saves one: they are then looked at only when they are written.
   */
  async add(pack: IndexedPack, blobCount = pack.blobs.length): Promise<void> {
    this.#packs.push(pack);
    this.#blobs += blobCount;
    if (this.#blobs >= INDEX_MAX_BLOBS) await this.#write();
  }

  /** Makes everything durable that was added. */
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
