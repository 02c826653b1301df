/** Segments: the fixed pieces of shared memory through which streams flow; their number bounds the memory. */
import { invariant } from "../base/errors.ts";

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
  readonly #free: Uint8Array<SharedArrayBuffer>[] = [];
  readonly #waiting: ((bytes: Uint8Array<SharedArrayBuffer>) => void)[] = [];
  readonly #segmentBytes: number;
  #unmade: number;

  /** At most `count` segments of `segmentBytes` bytes each, made when first needed. */
  constructor({ count, segmentBytes }: { count: number; segmentBytes: number }) {
    this.#unmade = count;
    this.#segmentBytes = segmentBytes;
  }

  /** How many takers wait for a segment. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** A segment of at least `leastBytes`, with one user; waits until one is free. Only the usual size is kept for reuse. */
  async acquire(leastBytes = 0): Promise<Segment> {
    const bytes = await this.#take();
    return this.#lend(leastBytes > bytes.length ? new Uint8Array(new SharedArrayBuffer(leastBytes)) : bytes, bytes);
  }

  async #take(): Promise<Uint8Array<SharedArrayBuffer>> {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    if (this.#unmade > 0) {
      this.#unmade--;
      return new Uint8Array(new SharedArrayBuffer(this.#segmentBytes));
    }
    return await new Promise((resolve) => this.#waiting.push(resolve));
  }

  #lend(bytes: Uint8Array<SharedArrayBuffer>, kept: Uint8Array<SharedArrayBuffer>): Segment {
    let users = 1;
    return {
      bytes,
      retain: () => {
        invariant(users > 0, "A segment was used after it was given back");
        users++;
      },
      release: () => {
        invariant(users > 0, "A segment was given back twice");
        if (--users === 0) this.#giveBack(kept);
      },
    };
  }

  #giveBack(bytes: Uint8Array<SharedArrayBuffer>): void {
    const next = this.#waiting.shift();
    if (next) next(bytes);
    else this.#free.push(bytes);
  }
}
