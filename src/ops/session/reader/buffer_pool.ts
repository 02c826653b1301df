/** The buffers that a put lends to its engine for small files. Their number limits the memory. */
import { Semaphore } from "../../../base/limits.ts";
import { SMALL_FILES_BYTES } from "../../../backup/buffers.ts";
import type { EngineBuffer } from "../../../engine/engine.ts";

/** Lends buffers of `SMALL_FILES_BYTES`. They are allocated when they are first needed. */
export class BufferPool {
  readonly #free: Uint8Array<SharedArrayBuffer>[] = [];
  readonly #places: Semaphore;
  readonly #signal: AbortSignal;

  /** At most `count` buffers. The signal ends the waiting for one. */
  constructor(count: number, signal: AbortSignal) {
    this.#places = new Semaphore(count);
    this.#signal = signal;
  }

  /** A buffer, as soon as one is free. Throws the reason of the signal. */
  async take(): Promise<EngineBuffer> {
    const place = await this.#places.take({ signal: this.#signal });
    const bytes = this.#free.pop() ?? new Uint8Array(new SharedArrayBuffer(SMALL_FILES_BYTES));
    let isLent = true;
    return {
      bytes,
      release: () => {
        if (!isLent) return;
        isLent = false;
        this.#free.push(bytes);
        place.release();
      },
    };
  }
}
