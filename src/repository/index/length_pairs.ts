/**
 * The lengths of blobs, sealed and of their plaintext, by number. Nearly all are below 16 MiB, so that three bytes hold
 * each; a few larger ones lie beside them.
 *
 * Memory: 6 bytes a pair, or none for pairs that spill.
 */
import { RecordList } from "../../store/spill/record_list.ts";
import type { Spill } from "../../store/spill/spill.ts";

const SEGMENT_PAIRS = 1 << 13;
/** The lower halves of both lengths, and their third bytes together. */
const PAIR_WORDS = 3;
/** Stands for a length that lies beside. */
const LARGE = 0xff_ffff;

/** Pairs of lengths in bytes, numbered from 0 in the order in which they are added. */
export class LengthPairs {
  readonly #pairs: RecordList<Uint16Array<ArrayBuffer>>;
  /** By the number of a length: twice that of its pair, and one more for the plaintext. */
  readonly #large = new Map<number, number>();

  /** With a `spill`, look-ups throw what `SpillFile.read` throws. */
  constructor(spill?: Spill) {
    const make = (count: number) => new Uint16Array(count);
    this.#pairs = new RecordList({ make, fields: PAIR_WORDS, segmentRecords: SEGMENT_PAIRS }, spill);
  }

  /** How many pairs there are. */
  get size(): number {
    return this.#pairs.size;
  }

  /** Adds a pair: the length in the pack, and that of the plaintext if the blob is compressed, else 0. */
  push(length: number, uncompressedLength: number): void {
    const pair = this.size;
    const at = this.#pairs.add();
    const { view } = this.#pairs;
    const kept = this.#kept(2 * pair, length);
    const keptUncompressed = this.#kept(2 * pair + 1, uncompressedLength);
    view[at] = kept;
    view[at + 1] = keptUncompressed;
    view[at + 2] = (kept >> 16) | ((keptUncompressed >> 16) << 8);
  }

  /** The length of a blob in its pack. */
  lengthOf(pair: number): number {
    const at = this.#pairs.seek(pair);
    const { view } = this.#pairs;
    const length = view[at]! | ((view[at + 2]! & 0xff) << 16);
    return length === LARGE ? this.#large.get(2 * pair)! : length;
  }

  /** The length of a blob's plaintext if it is compressed, else 0. */
  uncompressedLengthOf(pair: number): number {
    const at = this.#pairs.seek(pair);
    const { view } = this.#pairs;
    const length = view[at + 1]! | ((view[at + 2]! >> 8) << 16);
    return length === LARGE ? this.#large.get(2 * pair + 1)! : length;
  }

  #kept(number: number, length: number): number {
    if (length < LARGE) return length;
    this.#large.set(number, length);
    return LARGE;
  }
}
