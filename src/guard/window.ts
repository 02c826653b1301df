/** The two ends of a stream: its first and its last bytes, for the price of a small copy with each push. */

/** Keeps the first `capacity` bytes of a stream. */
export class Head {
  readonly #buffer: Uint8Array;
  #length = 0;

  constructor(capacity: number) {
    this.#buffer = new Uint8Array(capacity);
  }

  /** Whether `capacity` bytes are kept. */
  get full(): boolean {
    return this.#length === this.#buffer.length;
  }

  /** The bytes kept so far; a view. */
  get bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  /** Keeps the bytes that are still missing, from the beginning of `bytes`. Returns how many it took. */
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
  /** Twice the capacity, so that small pushes move the kept bytes only once in `capacity` bytes. */
  readonly #buffer: Uint8Array;
  #length = 0;
  #seen = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
    this.#buffer = new Uint8Array(2 * capacity);
  }

  /** How many bytes the stream has had so far. */
  get seen(): number {
    return this.#seen;
  }

  /** The last `capacity` bytes of the stream, or all of them if it is shorter; a view. */
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
