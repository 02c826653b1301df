/**
 * A sorted run of keys in a spill file, each key once, 16 bytes each as in store/sorted/row_layout.ts, in blocks of 4096
 * bytes. It is written once and never changed. In memory it holds 32 bytes for each block: its first key and its digest.
 */
import { doubled } from "../../../base/bytes.ts";
import { compareKeys, KEY_WORDS } from "../../../store/sorted/row_layout.ts";
import type { SpilledBlocks, SpillFile } from "../../../store/spill/spill_file.ts";

const BLOCK_BYTES = 4096;
const KEYS_PER_BLOCK = BLOCK_BYTES / 4 / KEY_WORDS;
/** How many blocks are written at a time. */
const BLOCKS_AT_ONCE = 32;

/** Keys in ascending order. */
export interface KeySource {
  /** The words among which the key lies. */
  readonly words: Uint32Array;
  /** Where the key begins in them. */
  readonly at: number;
  /** Goes to the next key, or to the first; false if there is none. */
  advance(): boolean;
}

/** Keys in memory, which must be in ascending order. */
export class HeldKeys implements KeySource {
  readonly words: Uint32Array;
  at = -KEY_WORDS;

  constructor(words: Uint32Array) {
    this.words = words;
  }

  advance(): boolean {
    this.at += KEY_WORDS;
    return this.at < this.words.length;
  }
}

/** A run. Disposal closes its file. */
export class KeyRun implements Disposable {
  readonly #file: SpillFile;
  /** The first keys of all blocks. */
  readonly #firstKeys: Uint32Array;
  /** `BLOCKS_AT_ONCE` blocks each, but for the last. */
  readonly #parts: readonly SpilledBlocks[];
  /** How many keys it has. */
  readonly size: number;
  readonly #block = new Uint32Array(BLOCK_BYTES / 4);
  #loaded = -1;

  /** Called by `writeKeys`. */
  constructor(file: SpillFile, size: number, firstKeys: Uint32Array, parts: readonly SpilledBlocks[]) {
    this.#file = file;
    this.size = size;
    this.#firstKeys = firstKeys;
    this.#parts = parts;
  }

  /** Whether the run has the key at word `at`. Throws what `SpillFile.read` throws. */
  has(key: Uint32Array, at: number): boolean {
    const number = lastNotAbove(this.#firstKeys, Math.ceil(this.size / KEYS_PER_BLOCK), key, at);
    if (number < 0) return false;
    if (this.#loaded !== number) {
      this.#loaded = -1;
      this.read(number, this.#block);
      this.#loaded = number;
    }
    const found = lastNotAbove(this.#block, this.#keysIn(number), key, at);
    return compareKeys(this.#block, found * KEY_WORDS, key, at) === 0;
  }

  /** How many keys block `number` has. */
  #keysIn(number: number): number {
    return Math.min(KEYS_PER_BLOCK, this.size - number * KEYS_PER_BLOCK);
  }

  /** Reads block `number`, all of which `target` holds. Throws what `SpillFile.read` throws. */
  read(number: number, target: Uint32Array<ArrayBuffer>): void {
    const part = this.#parts[Math.floor(number / BLOCKS_AT_ONCE)]!;
    this.#file.read(part, number % BLOCKS_AT_ONCE, new Uint8Array(target.buffer));
  }

  /** All keys, for a merge. */
  keys(): KeySource {
    return new RunKeys(this);
  }

  [Symbol.dispose](): void {
    this.#file[Symbol.dispose]();
  }
}

/** The keys of a run, one block after the other. */
class RunKeys implements KeySource {
  readonly #run: KeyRun;
  readonly words = new Uint32Array(BLOCK_BYTES / 4);
  #position = -1;

  constructor(run: KeyRun) {
    this.#run = run;
  }

  get at(): number {
    return this.#position % KEYS_PER_BLOCK * KEY_WORDS;
  }

  /** Throws what `SpillFile.read` throws. */
  advance(): boolean {
    this.#position++;
    if (this.#position >= this.#run.size) return false;
    if (this.#position % KEYS_PER_BLOCK === 0) this.#run.read(this.#position / KEYS_PER_BLOCK, this.words);
    return true;
  }
}

/**
 * Writes the keys of all sources as one run; awaits `turn` from time to time, so that others can work. The run takes over
 * the file. Returns undefined if it cannot be written; throws what the sources throw. Then the file is still the caller's.
 */
export async function writeKeys(
  file: SpillFile,
  sources: readonly KeySource[],
  turn: () => Promise<void>,
): Promise<KeyRun | undefined> {
  const writer = new KeyWriter(file);
  const left = sources.filter((source) => source.advance());
  for (let least = leastOf(left); least !== undefined; least = leastOf(left)) {
    writer.add(least.words, least.at);
    if (writer.isFull) {
      if (!writer.flush()) return undefined;
      await turn();
    }
    if (!least.advance()) left.splice(left.indexOf(least), 1);
  }
  return writer.finish();
}

/** The source on the least key. There are few. */
function leastOf([first, ...others]: readonly KeySource[]): KeySource | undefined {
  let least = first;
  for (const other of others) if (compareKeys(other.words, other.at, least!.words, least!.at) < 0) least = other;
  return least;
}

/** Takes keys in ascending order. */
class KeyWriter {
  readonly #file: SpillFile;
  readonly #held = new Uint32Array(BLOCKS_AT_ONCE * BLOCK_BYTES / 4);
  readonly #parts: SpilledBlocks[] = [];
  #firstKeys = new Uint32Array(64 * KEY_WORDS);
  #size = 0;
  #written = 0;

  constructor(file: SpillFile) {
    this.#file = file;
  }

  /** Whether `flush` has to be called before the next key. */
  get isFull(): boolean {
    return this.#size - this.#written === BLOCKS_AT_ONCE * KEYS_PER_BLOCK;
  }

  /** Adds a key; one that is equal to the key before is left out. */
  add(words: Uint32Array, at: number): void {
    const start = (this.#size - this.#written) * KEY_WORDS;
    const last = (start === 0 ? this.#held.length : start) - KEY_WORDS;
    if (this.#size > 0 && compareKeys(words, at, this.#held, last) === 0) return;
    if (this.#size % KEYS_PER_BLOCK === 0) this.#noteFirst(words, at);
    for (let word = 0; word < KEY_WORDS; word++) this.#held[start + word] = words[at + word]!;
    this.#size++;
  }

  /** Writes what is held; false if that is impossible. */
  flush(): boolean {
    const blocks = Math.ceil((this.#size - this.#written) / KEYS_PER_BLOCK);
    if (blocks === 0) return true;
    const part = this.#file.append(new Uint8Array(this.#held.buffer, 0, blocks * BLOCK_BYTES), BLOCK_BYTES);
    if (part === undefined) return false;
    this.#parts.push(part);
    this.#written = this.#size;
    return true;
  }

  finish(): KeyRun | undefined {
    return this.flush() ? new KeyRun(this.#file, this.#size, this.#firstKeys, this.#parts) : undefined;
  }

  #noteFirst(words: Uint32Array, at: number): void {
    const start = this.#size / KEYS_PER_BLOCK * KEY_WORDS;
    if (start === this.#firstKeys.length) this.#firstKeys = doubled(this.#firstKeys);
    for (let word = 0; word < KEY_WORDS; word++) this.#firstKeys[start + word] = words[at + word]!;
  }
}

/** The number of the last of `count` ascending keys that is not above the key at word `at`; -1 if all are. */
function lastNotAbove(keys: Uint32Array, count: number, key: Uint32Array, at: number): number {
  let [low, high] = [0, count];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareKeys(keys, middle * KEY_WORDS, key, at) <= 0) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
