/**
 * Decides what of the tables of one process stays in memory: all of it, until together they exceed a limit; from then
 * on, what fills up goes to a spill file in the cache directory.
 */
import type { CacheOptions } from "../cache/folder.ts";
import { newSpillFile } from "./new_spill_file.ts";
import type { SpilledBlocks, SpillFile } from "./spill_file.ts";

/** How tables spill; tests pass less. */
export interface SpillLimits {
  /** How many bytes of full segments stay in memory. */
  readonly memoryBytes: number;
  /** The most records of a segment: a power of two. */
  readonly mostSegmentRecords: number;
  /** About how many bytes are read at once. */
  readonly blockBytes: number;
}

/** Enough for the tables of a million and a half blobs. */
const SPILL_LIMITS: SpillLimits = { memoryBytes: 64 << 20, mostSegmentRecords: 1 << 14, blockBytes: 4 << 10 };

/** Tables are hardly larger than the index files, which hold 32 bytes for each id, too; never mind a file for nothing. */
const MOST_GROWTH = 2;

/** What several tables share. Disposal closes the file; the tables cannot be read afterwards. */
export class Spill implements Disposable {
  readonly #options: CacheOptions;
  /** How tables spill here. */
  readonly limits: SpillLimits;
  #memoryBytes = 0;
  #file: SpillFile | undefined;
  #isPrepared = false;
  #isClosed = false;

  /** `options`: the cache directory, which also limits the size of the file. Nothing is made there before `prepare`. */
  constructor(options: CacheOptions, limits: SpillLimits = SPILL_LIMITS) {
    this.#options = options;
    this.limits = limits;
  }

  /**
   * Makes the file if tables of what so many bytes of index files say may exceed the limit, and if it is possible;
   * without it, everything stays in memory. Nothing touches the disk before that.
   */
  async prepare(indexBytes: number): Promise<void> {
    if (this.#isPrepared || indexBytes * MOST_GROWTH <= this.limits.memoryBytes) return;
    this.#isPrepared = true;
    const file = await newSpillFile(this.#options);
    if (this.#isClosed) file?.[Symbol.dispose]();
    else this.#file = file;
  }

  /**
   * Takes the bytes of a full segment, blocks of `blockBytes` each; returns where they lie, or undefined if they stay in
   * memory.
   */
  take(bytes: Uint8Array, blockBytes: number): SpilledBlocks | undefined {
    if (this.#memoryBytes + bytes.length > this.limits.memoryBytes) {
      const blocks = this.#file?.append(bytes, blockBytes);
      if (blocks !== undefined) return blocks;
    }
    this.#memoryBytes += bytes.length;
    return undefined;
  }

  /** Reads a block as `SpillFile.read` does, and throws what that throws. */
  read(blocks: SpilledBlocks, number: number, target: Uint8Array): void {
    this.#file!.read(blocks, number, target);
  }

  [Symbol.dispose](): void {
    this.#isClosed = true;
    this.#file?.[Symbol.dispose]();
  }
}
