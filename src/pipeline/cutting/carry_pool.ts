/**
 * Memory for chunks that begin in one segment and end in a later one. It is used again and again: left to the garbage
 * collector, a megabyte for each such chunk of a large file would pile up, and the collections would take more CPU than
 * the cutting.
 */

/** Room for one chunk; a thread that gets it may write to it. */
export type CarryBuffer = Uint8Array<SharedArrayBuffer>;

/** Lends buffers. Nobody waits for one: who takes them limits their number. */
export class CarryPool {
  readonly #most: number;
  readonly #free: CarryBuffer[] = [];

  /** Keeps at most `most` free buffers. */
  constructor(most: number) {
    this.#most = most;
  }

  /** A buffer of exactly `bytes` bytes; what is in it is left over from others. */
  take(bytes: number): CarryBuffer {
    const at = this.#free.findLastIndex(({ length }) => length === bytes);
    return at < 0 ? new Uint8Array(new SharedArrayBuffer(bytes)) : this.#free.splice(at, 1)[0]!;
  }

  /** Takes a buffer back that nobody uses any more. */
  giveBack(buffer: CarryBuffer): void {
    this.#free.push(buffer);
    if (this.#free.length > this.#most) this.#free.shift();
  }
}
