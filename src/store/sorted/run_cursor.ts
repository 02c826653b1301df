/** Reads a run from its first row to its last, for merges. */
import { BLOCK_BYTES, blocksOf, ROW_WORDS, ROWS_PER_BLOCK } from "./row_layout.ts";
import { damagedTableFile, type DigestedBlock, RunDigest } from "./run_file.ts";
import type { RunPlace } from "./run_reader.ts";
import { openTableFile } from "./table_file.ts";

/** How many blocks are read at a time. */
const BLOCKS_AT_ONCE = 16;

/** Stands on one row after the other. Disposal closes the file. */
export class RunCursor implements Disposable {
  readonly #place: RunPlace;
  readonly #file: Deno.FsFile;
  readonly #block: DigestedBlock;
  readonly #blocks = new Uint8Array(BLOCKS_AT_ONCE * BLOCK_BYTES);
  #readBlocks = 0;
  #heldBlocks = 0;
  #nextHeld = 0;
  #row = -1;
  #left: number;

  /** Opens the run; `advance` comes first. Throws `IntegrityError` if it is no file, and the filesystem's own errors. */
  static open(place: RunPlace): RunCursor {
    return new RunCursor(place, openTableFile(place.path));
  }

  private constructor(place: RunPlace, file: Deno.FsFile) {
    this.#place = place;
    this.#file = file;
    this.#block = new RunDigest(place.secret, place.name).newBlock();
    this.#left = place.rows;
  }

  /** The words of the block in which the row lies. */
  get words(): Uint32Array {
    return this.#block.words;
  }

  /** Where the row begins in `words`. */
  get at(): number {
    return this.#row * ROW_WORDS;
  }

  /** Whether `advance` has to read from the file, so that `read` must be called first. */
  get mustRead(): boolean {
    return this.#left > 0 && (this.#row + 1) % ROWS_PER_BLOCK === 0 && this.#nextHeld === this.#heldBlocks;
  }

  /** Reads on. Throws `IntegrityError`, and the filesystem's own errors. */
  async read(): Promise<void> {
    const count = Math.min(BLOCKS_AT_ONCE, blocksOf(this.#place.rows) - this.#readBlocks);
    const target = this.#blocks.subarray(0, count * BLOCK_BYTES);
    for (let at = 0; at < target.length;) {
      const bytes = await this.#file.read(target.subarray(at));
      if (bytes === null) throw damagedTableFile(this.#place.path);
      at += bytes;
    }
    this.#readBlocks += count;
    this.#heldBlocks = count;
    this.#nextHeld = 0;
  }

  /** Goes to the next row; false if there is none. Throws `IntegrityError`. */
  advance(): boolean {
    if (this.#left === 0) return false;
    this.#left--;
    this.#row = (this.#row + 1) % ROWS_PER_BLOCK;
    if (this.#row === 0) this.#takeBlock();
    return true;
  }

  #takeBlock(): void {
    const number = this.#readBlocks - this.#heldBlocks + this.#nextHeld;
    this.#block.bytes.set(this.#blocks.subarray(this.#nextHeld * BLOCK_BYTES, (this.#nextHeld + 1) * BLOCK_BYTES));
    this.#nextHeld++;
    if (!this.#block.isIntact(number)) throw damagedTableFile(this.#place.path);
  }

  [Symbol.dispose](): void {
    this.#file.close();
  }
}
