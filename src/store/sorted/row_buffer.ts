/** Rows in memory until there are enough of them for a run: added in any order, read in the order of their keys. */
import { freeBuffer } from "../../base/bytes.ts";
import { compareKeys, ROW_WORDS } from "./row_layout.ts";

const LEAST_ROWS = 1 << 10;
const DIGIT_VALUES = 1 << 16;

/** Takes 32 bytes a row, and 12 more while they are sorted. */
export class RowBuffer {
  #words: Uint32Array<ArrayBuffer>;
  #size = 0;

  /** `rows`: how many there is room for at first. */
  constructor(rows = LEAST_ROWS) {
    this.#words = new Uint32Array(Math.max(rows, LEAST_ROWS) * ROW_WORDS);
  }

  /** How many rows there are. */
  get size(): number {
    return this.#size;
  }

  /** Adds `count` rows. */
  push(rows: Uint32Array, count: number): void {
    this.#makeRoomFor(count);
    this.#words.set(rows.subarray(0, count * ROW_WORDS), this.#size * ROW_WORDS);
    this.#size += count;
  }

  /** Drops all rows but the first `size`. */
  cutTo(size: number): void {
    this.#size = Math.min(size, this.#size);
  }

  /** The words of all rows, in the order in which they were added. Valid until the next call of `push`. */
  get words(): Uint32Array {
    return this.#words;
  }

  /**
   * The numbers of the rows by their keys; of rows with one key, the first added comes first. Two passes over the digits
   * of the first words leave few rows in disorder.
   */
  order(): Uint32Array {
    const asAdded = new Uint32Array(this.#size);
    for (let row = 0; row < asAdded.length; row++) asAdded[row] = row;
    const order = this.#pass(this.#pass(asAdded, (word) => word & 0xffff), (word) => word >>> 16);
    this.#orderEqualWords(order);
    return order;
  }

  #makeRoomFor(count: number): void {
    const wanted = (this.#size + count) * ROW_WORDS;
    if (wanted <= this.#words.length) return;
    const grown = new Uint32Array(Math.max(wanted, this.#words.length * 2));
    grown.set(this.#words.subarray(0, this.#size * ROW_WORDS));
    freeBuffer(this.#words);
    this.#words = grown;
  }

  /** A stable sort of the rows by one digit of their first words. */
  #pass(order: Uint32Array, digitOf: (word: number) => number): Uint32Array {
    const words = this.#words;
    const starts = new Uint32Array(DIGIT_VALUES + 1);
    for (let i = 0; i < order.length; i++) starts[digitOf(words[i * ROW_WORDS]!) + 1]!++;
    for (let digit = 0; digit < DIGIT_VALUES; digit++) starts[digit + 1]! += starts[digit]!;
    const sorted = new Uint32Array(order.length);
    for (const row of order) sorted[starts[digitOf(words[row * ROW_WORDS]!)]!++] = row;
    return sorted;
  }

  /** Sorts each group of rows with the same first word by the whole key. */
  #orderEqualWords(order: Uint32Array): void {
    const words = this.#words;
    for (let start = 0; start < order.length;) {
      const first = words[order[start]! * ROW_WORDS];
      let end = start + 1;
      while (end < order.length && words[order[end]! * ROW_WORDS] === first) end++;
      if (end - start > 1) {
        order.subarray(start, end).sort((a, b) => compareKeys(words, a * ROW_WORDS, words, b * ROW_WORDS) || a - b);
      }
      start = end;
    }
  }
}
