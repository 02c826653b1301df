/** Segments: the fixed pieces of shared memory through which streams flow. Their number limits the memory. */
import { invariant } from "../base/errors.ts";
import { type Permit, Semaphore } from "../base/limits.ts";

/** A piece of shared memory that several threads may read at once; it is free again when all of them are done. */
export interface Segment {
  readonly bytes: Uint8Array<SharedArrayBuffer>;
  /** Adds a user. */
  retain(): void;
  /** Removes a user; the last one returns the segment to its pool. */
  release(): void;
}

/** Hands out segments; if all are in use, the taker waits. */
export class SegmentPool {
  /** Segments that were used before and are free. */
  readonly #free: Uint8Array<SharedArrayBuffer>[] = [];
  readonly #places: Semaphore;
  readonly #segmentBytes: number;

  /** At most `count` segments of `segmentBytes` bytes each, allocated when first needed. */
  constructor({ count, segmentBytes }: { count: number; segmentBytes: number }) {
    this.#places = new Semaphore(count);
    this.#segmentBytes = segmentBytes;
  }

  /** How many takers wait for a segment. */
  get waiting(): number {
    return this.#places.waiting;
  }

  /**
   * Returns a segment of at least `leastBytes`, with one user; waits until one is free. Only segments of the usual size
   * are kept for reuse.
   */
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
