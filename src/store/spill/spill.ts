/**
 * Decides what of the tables of one process stays in memory: all of it, until together they exceed a limit; from then
 * on, what fills up goes to a spill file in the cache directory.
 */
import type { AgentError } from "../../base/errors.ts";
import { encodeHex } from "../../base/hex.ts";
import { SPILL_FOLDER } from "../cache/cache_entry.ts";
import { CacheFolder, type CacheOptions } from "../cache/folder.ts";
import { temporaryPath } from "../layout.ts";
import { localError } from "../local/local_errors.ts";
import { type SpilledBlocks, SpillFile } from "./spill_file.ts";

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

/** What several tables share. Disposal closes the file; the tables cannot be read afterwards. */
export class Spill implements Disposable {
  readonly #options: CacheOptions;
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
   * Makes the file, if that is possible; without it, everything stays in memory. For tables that may exceed the limit:
   * until it is called, nothing touches the disk.
   */
  async prepare(): Promise<void> {
    if (this.#isPrepared) return;
    this.#isPrepared = true;
    const { directory, limitBytes: mostBytes, random, onProblem } = this.#options;
    try {
      const folder = await new CacheFolder(this.#options).makeFolder(SPILL_FOLDER);
      if (folder === undefined || this.#isClosed) return;
      const unique = encodeHex(random(16));
      this.#file = SpillFile.create(temporaryPath(`${folder}/${unique}`, unique), { mostBytes, onProblem });
    } catch (thrown) {
      onProblem?.(this.#problem(thrown, directory));
    }
  }

  /**
   * Takes the bytes of a full segment, blocks of `blockBytes` each; returns where they lie, or undefined if they stay in
   * memory.
   */
  keep(bytes: Uint8Array, blockBytes: number): SpilledBlocks | undefined {
    if (this.#memoryBytes + bytes.length > this.limits.memoryBytes) {
      const blocks = this.#file?.append(bytes, blockBytes);
      if (blocks !== undefined) return blocks;
    }
    this.#memoryBytes += bytes.length;
    return undefined;
  }

  /** Reads a block, as `SpillFile.read`. */
  read(blocks: SpilledBlocks, number: number, target: Uint8Array): void {
    this.#file!.read(blocks, number, target);
  }

  #problem(thrown: unknown, directory: string): AgentError {
    return localError(thrown, "keep in the cache directory what exceeds memory, in", directory);
  }

  [Symbol.dispose](): void {
    this.#isClosed = true;
    this.#file?.[Symbol.dispose]();
  }
}
