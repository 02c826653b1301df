/** Segments: the fixed pieces of shared memory through which streams flow; their number bounds the memory. */
import { invariant } from "../base/errors.ts";
import { type Permit, Semaphore } from "../base/limits.ts";

/** A piece of shared memory that several threads read at once; it is free again when all of them are done. */
export interface Segment {
  readonly bytes: Uint8Array<SharedArrayBuffer>;
  /** Counts one more user. */
  retain(): void;
  /** Counts one user less; the last one gives the segment back to its pool. */
  release(): void;
}

/** Hands out segments and makes the taker wait when all are in use. */
export class SegmentPool {
  /** Those that were used before and are not lent. */
  readonly #free: Uint8Array<SharedArrayBuffer>[] = [];
  readonly #places: Semaphore;
  readonly #segmentBytes: number;

  /** At most `count` segments of `segmentBytes` bytes each, made when first needed. */
  constructor({ count, segmentBytes }: { count: number; segmentBytes: number }) {
    this.#places = new Semaphore(count);
    this.#segmentBytes = segmentBytes;
  }

  /** How many takers wait for a segment. */
  get waiting(): number {
    return this.#places.waiting;
  }

  /** A segment of at least `leastBytes`, with one user; waits until one is free. Only the usual size is kept for reuse. */
  async acquire(leastBytes = 0): Promise<Segment> {
    const place = await this.#places.take();
    if (leastBytes > this.#segmentBytes) return this.#lend(newSegment(leastBytes), place);
    return this.#lend(this.#free.pop() ?? newSegment(this.#segmentBytes), place);
  }

  #lend(bytes: Uint8Array<SharedArrayBuffer>, place: Permit): Segment {
    let users = 1;
    return {
      bytes,
      retain: () => {
        invariant(users > 0, "A segment was used after it was given back");
        users++;
      },
      release: () => {
        invariant(users > 0, "A segment was given back twice");
        if (--users > 0) return;
        if (bytes.length === this.#segmentBytes) this.#free.push(bytes);
        place.release();
      },
    };
  }
}

function newSegment(bytes: number): Uint8Array<SharedArrayBuffer> {
  return new Uint8Array(new SharedArrayBuffer(bytes));
}
