/** Separates the last bytes of a stream, for formats that end with a checksum over everything before it. */
import { Tail } from "../window.ts";

/** Passes on all bytes but the last ones. */
export class HeldBack {
  readonly #tail: Tail;
  readonly #capacity: number;
  readonly #release: (bytes: Uint8Array) => void;

  /**
   * Keeps the last `capacity` bytes, and passes all before them to `release`, in views that are valid only during the
   * call.
   */
  constructor(capacity: number, release: (bytes: Uint8Array) => void) {
    this.#tail = new Tail(capacity);
    this.#capacity = capacity;
    this.#release = release;
  }

  /** The bytes held back: the last `capacity` bytes pushed, or fewer if there were fewer; a view. */
  get bytes(): Uint8Array {
    return this.#tail.bytes;
  }

  push(bytes: Uint8Array): void {
    const held = this.#tail.bytes;
    const released = held.length + bytes.length - this.#capacity;
    if (released > 0) {
      this.#release(held.subarray(0, released));
      if (released > held.length) this.#release(bytes.subarray(0, released - held.length));
    }
    this.#tail.push(bytes);
  }
}
