/** Cuts a stream into chunks, one segment after the other, and keeps the rest of each for the next. */
import { isAllZero } from "../../base/bytes.ts";
import type { Chunker } from "../../chunker/gear.ts";
import { Carry } from "./carry.ts";
import type { CarryBuffer, CarryPool } from "./carry_pool.ts";

/** Chunks that end in one segment. */
export interface CutSegment {
  /** The beginning of the first chunk, from earlier segments; null if it has none, or one of zeros alone. */
  readonly carry: CarryBuffer | null;
  /** How long that beginning is. */
  readonly carryBytes: number;
  /** Where each chunk ends in the segment. */
  readonly cuts: Uint32Array<ArrayBuffer>;
  /** Whether the chunks hold zeros alone. */
  readonly isZeros: boolean;
}

/** Cuts one stream. */
export class SegmentCutter {
  readonly #chunker: Chunker;
  readonly #carry: Carry;

  constructor(chunker: Chunker, carries: CarryPool) {
    this.#chunker = chunker;
    this.#carry = new Carry(carries, chunker.mostBytes);
  }

  /** The chunks that end in the bytes of a segment; null if none does. Owns: the carry is the caller's. */
  cut(bytes: Uint8Array): CutSegment | null {
    const isZeros = isAllZero(bytes);
    const { length } = bytes;
    const cuts: number[] = [];
    let position = 0;
    while (position < length) {
      const cut = isZeros ? this.#chunker.nextInZeros(position, length) : this.#chunker.next(bytes, position);
      if (cut < 0) break;
      cuts.push(cut);
      position = cut;
    }
    const done = cuts.length > 0 ? this.#take(cuts, isZeros) : null;
    if (position < length) this.#carry.add(bytes.subarray(position), isZeros);
    return done;
  }

  /** The rest of the stream as its last chunk; null if nothing is left. Owns: the carry is the caller's. */
  last(): CutSegment | null {
    return this.#carry.length > 0 ? this.#take([0], true) : null;
  }

  /** Gives up what is left. */
  drop(): void {
    this.#carry.drop();
  }

  /** `isZeros`: whether the chunks have zeros alone behind the carry. */
  #take(cuts: readonly number[], isZeros: boolean): CutSegment {
    const { carry, carryBytes } = this.#carry.take();
    return { carry, carryBytes, cuts: Uint32Array.from(cuts), isZeros: isZeros && carry === null };
  }
}
