/**
 * The lengths of blobs, sealed and of their plaintext, by number. Nearly all are below 16 MiB, so that three bytes hold
 * each; a few larger ones lie beside them.
 *
 * Memory: 6 bytes a pair, in segments, so that growing copies nothing.
 */

const SEGMENT_PAIRS = 1 << 13;
/** The lower halves of both lengths, and their third bytes together. */
const PAIR_WORDS = 3;
/** Stands for a length that lies beside. */
const LARGE = 0xff_ffff;

/** Pairs of lengths in bytes, numbered from 0 in the order in which they are added. */
export class LengthPairs {
  readonly #segments: Uint16Array[] = [];
  /** By the number of a length: twice that of its pair, and one more for the plaintext. */
  readonly #large = new Map<number, number>();
  #size = 0;

  /** How many pairs there are. */
  get size(): number {
    return this.#size;
  }

  /** Adds a pair: the length in the pack, and that of the plaintext if the blob is compressed, else 0. */
  push(length: number, uncompressedLength: number): void {
    if (this.#size % SEGMENT_PAIRS === 0) this.#segments.push(new Uint16Array(SEGMENT_PAIRS * PAIR_WORDS));
    const pair = this.#size++;
    const segment = this.#segments[(pair / SEGMENT_PAIRS) | 0]!;
    const at = (pair % SEGMENT_PAIRS) * PAIR_WORDS;
    const kept = this.#kept(2 * pair, length);
    const keptUncompressed = this.#kept(2 * pair + 1, uncompressedLength);
    segment[at] = kept;
    segment[at + 1] = keptUncompressed;
    segment[at + 2] = (kept >> 16) | ((keptUncompressed >> 16) << 8);
  }

  /** The length of a blob in its pack. */
  lengthOf(pair: number): number {
    const segment = this.#segments[(pair / SEGMENT_PAIRS) | 0]!;
    const at = (pair % SEGMENT_PAIRS) * PAIR_WORDS;
    const length = segment[at]! | ((segment[at + 2]! & 0xff) << 16);
    return length === LARGE ? this.#large.get(2 * pair)! : length;
  }

  /** The length of a blob's plaintext if it is compressed, else 0. */
  uncompressedLengthOf(pair: number): number {
    const segment = this.#segments[(pair / SEGMENT_PAIRS) | 0]!;
    const at = (pair % SEGMENT_PAIRS) * PAIR_WORDS;
    const length = segment[at + 1]! | ((segment[at + 2]! >> 8) << 16);
    return length === LARGE ? this.#large.get(2 * pair + 1)! : length;
  }

  #kept(number: number, length: number): number {
    if (length < LARGE) return length;
    this.#large.set(number, length);
    return LARGE;
  }
}
