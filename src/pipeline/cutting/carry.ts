/** The beginning of a chunk whose end has not come yet. */
import { concatBytes } from "../../base/bytes.ts";
import type { CarryBuffer, CarryPool } from "./carry_pool.ts";

/**
 * The beginnings of chunks up to this size wait in memory of just their length, since thousands of streams may be open.
 * Those of larger ones grow over several segments, and would be copied each time.
 */
const MOST_COPIED_BYTES = 128 * 1024;

/** A beginning that was taken. */
interface TakenCarry {
  /** Holds it, with room for the rest of its chunk; null if it is empty or has zeros alone. */
  readonly carry: CarryBuffer | null;
  /** Its length. */
  readonly carryBytes: number;
}

/** What is carried over from segment to segment. Zeros alone, as most of a sparse file has, are only counted. */
export class Carry {
  readonly #pool: CarryPool;
  readonly #mostBytes: number;
  #length = 0;
  #copy: Uint8Array | null = null;
  #buffer: CarryBuffer | null = null;

  /** `mostBytes`: the length of the longest chunk. */
  constructor(pool: CarryPool, mostBytes: number) {
    this.#pool = pool;
    this.#mostBytes = mostBytes;
  }

  /** The length so far. */
  get length(): number {
    return this.#length;
  }

  /** Adds bytes. `isZeros`: whether they are all zero. */
  add(bytes: Uint8Array, isZeros: boolean): void {
    const [length, isFirst] = [this.#length, this.#copy === null && this.#buffer === null];
    this.#length += bytes.length;
    if (isZeros && isFirst) return;
    if (this.#mostBytes <= MOST_COPIED_BYTES) this.#copy = concatBytes([this.#copy ?? new Uint8Array(length), bytes]);
    else {
      this.#buffer ??= zerosIn(this.#pool, this.#mostBytes, length);
      this.#buffer.set(bytes, length);
    }
  }

  /** Takes everything. Owns: the buffer is the caller's, who gives it back to the pool. */
  take(): TakenCarry {
    const [copy, carryBytes] = [this.#copy, this.#length];
    const carry = copy === null ? this.#buffer : this.#pool.take(this.#mostBytes);
    if (copy !== null) carry!.set(copy);
    this.#forget();
    return { carry, carryBytes };
  }

  /** Gives everything up. */
  drop(): void {
    if (this.#buffer !== null) this.#pool.giveBack(this.#buffer);
    this.#forget();
  }

  #forget(): void {
    this.#length = 0;
    this.#copy = null;
    this.#buffer = null;
  }
}

/** A buffer with room for `mostBytes`, of which the first `zeros` are zero. */
export function zerosIn(pool: CarryPool, mostBytes: number, zeros: number): CarryBuffer {
  return pool.take(mostBytes).fill(0, 0, zeros);
}
