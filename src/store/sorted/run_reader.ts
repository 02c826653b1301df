/**
 * Finds rows in a run. In memory it holds one word for each block of 127 rows; every look-up reads one block of the
 * file, rarely two, and verifies it. Reading is synchronous: a file of the cache directory is mostly in the memory of
 * the system, and a trip to another thread would take ten times as long.
 */
import { fillSync } from "../../base/bytes.ts";
import { BLOCK_BYTES, blocksOf, compareKeys, DIGEST_BYTES, ROW_WORDS, ROWS_PER_BLOCK } from "./row_layout.ts";
import { damagedTableFile, type DigestedBlock, runBytes, type RunDescription, RunDigest } from "./run_file.ts";
import { openTableFile } from "./table_file.ts";

/** A run that other threads can open, too; can be sent by `postMessage`. */
export interface RunView extends RunDescription {
  readonly path: string;
  readonly secret: Uint8Array;
  /** The first word of each block. */
  readonly firstWords: SharedArrayBuffer;
}

/** Where a run lies. */
export interface RunPlace extends RunDescription {
  readonly path: string;
  readonly secret: Uint8Array;
}

/** An open run. Disposal closes its file. */
export class RunReader implements Disposable {
  readonly #file: Deno.FsFile;
  readonly #firstWords: Uint32Array;
  readonly #block: DigestedBlock;
  #loaded = -1;
  /** For other threads. */
  readonly view: RunView;

  /** Opens the run. Throws `IntegrityError` if it is not whole, and the filesystem's own errors. */
  static open(place: RunPlace): RunReader {
    const file = openTableFile(place.path);
    try {
      return new RunReader(file, { ...place, firstWords: readFirstWords(file, place) });
    } catch (error) {
      file.close();
      throw error;
    }
  }

  /** Opens the run of another thread. Throws `IntegrityError` if it is no file, and the filesystem's own errors. */
  static openView(view: RunView): RunReader {
    return new RunReader(openTableFile(view.path), view);
  }

  private constructor(file: Deno.FsFile, view: RunView) {
    this.#file = file;
    this.view = view;
    this.#firstWords = new Uint32Array(view.firstWords);
    this.#block = new RunDigest(view.secret, view.name).newBlock();
  }

  /**
   * Finds the row with the key at word `at` of `key`. Returns where it begins in `words`, or -1. Throws
   * `IntegrityError`, and the filesystem's own errors.
   */
  find(key: Uint32Array, at: number): number {
    const word = key[at]!;
    const blocks = this.#firstWords;
    // Keys with the same first word may begin at the end of the block before.
    for (let block = Math.max(0, firstNotBelow(blocks, word) - 1); block < blocks.length; block++) {
      if (blocks[block]! > word) return -1;
      this.#load(block);
      const rows = Math.min(ROWS_PER_BLOCK, this.view.rows - block * ROWS_PER_BLOCK);
      const row = firstRowNotBelow(this.#block.words, rows, key, at);
      if (row < rows) return compareKeys(this.#block.words, row * ROW_WORDS, key, at) === 0 ? row * ROW_WORDS : -1;
    }
    return -1;
  }

  /** The words of the block in which `find` found a row; valid until its next call. */
  get words(): Uint32Array {
    return this.#block.words;
  }

  #load(block: number): void {
    if (this.#loaded === block) return;
    this.#loaded = -1;
    this.#file.seekSync(block * BLOCK_BYTES, Deno.SeekMode.Start);
    if (!fillSync(this.#file, this.#block.bytes) || !this.#block.isIntact(block)) {
      throw damagedTableFile(this.view.path);
    }
    this.#loaded = block;
  }

  [Symbol.dispose](): void {
    this.#file.close();
  }
}

function readFirstWords(file: Deno.FsFile, { path, name, secret, rows }: RunPlace): SharedArrayBuffer {
  const blocks = blocksOf(rows);
  const words = new Uint8Array(blocks * 4);
  const digest = new Uint8Array(DIGEST_BYTES);
  if (file.statSync().size !== runBytes(rows)) throw damagedTableFile(path);
  file.seekSync(blocks * BLOCK_BYTES, Deno.SeekMode.Start);
  if (!fillSync(file, words) || !fillSync(file, digest)) throw damagedTableFile(path);
  if (new RunDigest(secret, name).ofWords(words) !== digest.toHex()) throw damagedTableFile(path);
  const shared = new SharedArrayBuffer(words.length);
  new Uint8Array(shared).set(words);
  return shared;
}

/** The number of the first of ascending words that is not below `word`. */
function firstNotBelow(words: Uint32Array, word: number): number {
  let [low, high] = [0, words.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (words[middle]! < word) low = middle + 1;
    else high = middle;
  }
  return low;
}

function firstRowNotBelow(words: Uint32Array, rows: number, key: Uint32Array, at: number): number {
  let [low, high] = [0, rows];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareKeys(words, middle * ROW_WORDS, key, at) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
