/** Filled segments on their way from whoever fills them to whoever takes them, and how such a stream ends or breaks off. */
import type { FilledSegment } from "./feed.ts";

/** The segments of one stream, in order. One taker waits at a time. */
export class SegmentQueue {
  readonly #ready: FilledSegment[] = [];
  #wakeTaker: (() => void) | undefined;
  #hasEnded = false;
  #failure: { readonly error: unknown } | undefined;

  /** Whether nothing more is taken in. */
  get isOver(): boolean {
    return this.#hasEnded || this.#failure !== undefined;
  }

  /** Adds a piece. Owns: the segment is the taker's; it is released where the piece is empty or the stream is over. */
  push(filled: FilledSegment): void {
    if (this.isOver || filled.length === 0) return filled.segment.release();
    this.#ready.push(filled);
    this.#wake();
  }

  /** Nothing more comes. */
  end(): void {
    this.#hasEnded = true;
    this.#wake();
  }

  /** Nothing more comes, because of `error`: the taker gets it behind what is there. The first failure counts. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#wake();
  }

  /** Breaks the stream off, even where it has ended: whoever takes from here on gets `reason`, and what is there is released. */
  breakOff(reason: unknown): void {
    for (const { segment } of this.#ready.splice(0)) segment.release();
    this.fail(reason);
  }

  /** Throws why the stream failed or was broken off, where it was. */
  throwFailure(): void {
    if (this.#failure) throw this.#failure.error;
  }

  /** The next piece, or null at the end. Owns: the taker releases the segment. Throws as `throwFailure` does. */
  async next(): Promise<FilledSegment | null> {
    for (;;) {
      const filled = this.#ready.shift();
      if (filled) return filled;
      this.throwFailure();
      if (this.#hasEnded) return null;
      await new Promise<void>((resolve) => this.#wakeTaker = resolve);
    }
  }

  #wake(): void {
    this.#wakeTaker?.();
    this.#wakeTaker = undefined;
  }
}
