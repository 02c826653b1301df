/** Writes a run: takes rows in the order of their keys. */
import { doubled } from "../../base/bytes.ts";
import { invariant } from "../../base/errors.ts";
import { BLOCK_BYTES, compareKeys, KEY_WORDS, ROW_WORDS, ROWS_PER_BLOCK } from "./row_layout.ts";
import { type DigestedBlock, RunDigest } from "./run_file.ts";

/** How many blocks are written at a time. */
const BLOCKS_AT_ONCE = 64;

/** Who writes a run, and under which name and secret its blocks are digested. */
interface NewRun {
  readonly write: (bytes: Uint8Array) => Promise<void>;
  readonly name: string;
  readonly secret: Uint8Array;
}

/** Call `add` for each row; whenever `isFull`, `flush` must come before the next one; at the end `finish`. */
export class RunWriter {
  readonly #write: NewRun["write"];
  readonly #digest: RunDigest;
  readonly #block: DigestedBlock;
  readonly #blocks = new Uint8Array(BLOCKS_AT_ONCE * BLOCK_BYTES);
  readonly #lastKey = new Uint32Array(KEY_WORDS);
  #firstWords = new Uint32Array(1024);
  #heldBlocks = 0;
  #blockCount = 0;
  #rows = 0;

  constructor({ write, name, secret }: NewRun) {
    this.#write = write;
    this.#digest = new RunDigest(secret, name);
    this.#block = this.#digest.newBlock();
  }

  /** How many rows were written. */
  get rows(): number {
    return this.#rows;
  }

  /** Whether `flush` has to be called. */
  get isFull(): boolean {
    return this.#heldBlocks === BLOCKS_AT_ONCE;
  }

  /** Adds the row at word `at`. A row with the key of the one before is left out. */
  add(words: Uint32Array, at: number): void {
    if (this.#rows > 0) {
      const order = compareKeys(words, at, this.#lastKey, 0);
      if (order === 0) return;
      invariant(order > 0, "The rows of a run came in disorder");
    }
    const row = this.#rows % ROWS_PER_BLOCK;
    if (row === 0) this.#noteFirstWord(words[at]!);
    for (let word = 0; word < ROW_WORDS; word++) this.#block.words[row * ROW_WORDS + word] = words[at + word]!;
    for (let word = 0; word < KEY_WORDS; word++) this.#lastKey[word] = words[at + word]!;
    this.#rows++;
    if (row === ROWS_PER_BLOCK - 1) this.#endBlock();
  }

  /** Writes the blocks that are complete. */
  async flush(): Promise<void> {
    await this.#write(this.#blocks.subarray(0, this.#heldBlocks * BLOCK_BYTES));
    this.#heldBlocks = 0;
  }

  /** Writes the rest. */
  async finish(): Promise<void> {
    const rest = this.#rows % ROWS_PER_BLOCK;
    if (this.isFull) await this.flush();
    if (rest > 0) {
      this.#block.words.fill(0, rest * ROW_WORDS);
      this.#endBlock();
    }
    await this.flush();
    const words = new Uint8Array(this.#firstWords.buffer, 0, this.#blockCount * 4);
    await this.#write(words);
    await this.#write(Uint8Array.fromHex(this.#digest.ofWords(words)));
  }

  #noteFirstWord(word: number): void {
    if (this.#blockCount === this.#firstWords.length) this.#firstWords = doubled(this.#firstWords);
    this.#firstWords[this.#blockCount] = word;
  }

  #endBlock(): void {
    this.#block.seal(this.#blockCount++);
    this.#blocks.set(this.#block.bytes, this.#heldBlocks++ * BLOCK_BYTES);
  }
}
