/** The two ends of a stream: its first bytes and its last, at the price of a small copy a push. */

/** Keeps the first `capacity` bytes of a stream. */
export class Head {
  readonly #buffer: Uint8Array;
  #length = 0;

  constructor(capacity: number) {
    this.#buffer = new Uint8Array(capacity);
  }

  /** Whether all that is kept has been seen. */
  get full(): boolean {
    return this.#length === this.#buffer.length;
  }

  /** What is kept; a view. */
  get bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  /** Takes what is still missing from the beginning of `bytes` and tells how much that was. */
  push(bytes: Uint8Array): number {
    const taken = Math.min(bytes.length, this.#buffer.length - this.#length);
    if (taken > 0) this.#buffer.set(bytes.subarray(0, taken), this.#length);
    this.#length += taken;
    return taken;
  }
}

/** Keeps the last `capacity` bytes of a stream. */
export class Tail {
  readonly #capacity: number;
  /** Twice the capacity, so that small pushes move the kept bytes down only once in `capacity` bytes. */
  readonly #buffer: Uint8Array;
  #length = 0;
  #seen = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
    this.#buffer = new Uint8Array(2 * capacity);
  }

  /** How many bytes the stream has had. */
  get seen(): number {
    return this.#seen;
  }

  /** The last bytes of the stream, `capacity` of them unless it is shorter; a view. */
  get bytes(): Uint8Array {
    return this.#buffer.subarray(Math.max(0, this.#length - this.#capacity), this.#length);
  }

  push(bytes: Uint8Array): void {
    this.#seen += bytes.length;
    const last = bytes.length > this.#capacity ? bytes.subarray(bytes.length - this.#capacity) : bytes;
    if (this.#length + last.length > this.#buffer.length) {
      this.#buffer.copyWithin(0, this.#length - this.#capacity, this.#length);
      this.#length = this.#capacity;
    }
    this.#buffer.set(last, this.#length);
    this.#length += last.length;
  }
}
