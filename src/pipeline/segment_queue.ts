/** Passes filled segments from a producer to a taker, together with the end or the failure of the stream. */
import type { FilledSegment } from "./feed.ts";

/** The segments of one stream, in order. Only one taker may wait at a time. */
export class SegmentQueue {
  readonly #ready: FilledSegment[] = [];
  #wakeTaker: (() => void) | undefined;
  #hasEnded = false;
  #failure: { readonly error: unknown } | undefined;

  /** Whether the queue accepts no more. */
  get isOver(): boolean {
    return this.#hasEnded || this.#failure !== undefined;
  }

  /**
   * Adds a piece. Owns: the segment goes to the taker; it is released at once if the piece is empty or the stream is
   * over.
   */
  push(filled: FilledSegment): void {
    if (this.isOver || filled.length === 0) return filled.segment.release();
    this.#ready.push(filled);
    this.#wake();
  }

  /** Ends the stream. */
  end(): void {
    this.#hasEnded = true;
    this.#wake();
  }

  /**
   * Ends the stream with an error, which the taker receives after the pieces already queued. The first failure counts.
   */
  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#wake();
  }

  /**
   * Breaks the stream off, even if it has ended: releases all queued pieces, and lets the taker's next call throw
   * `reason`.
   */
  breakOff(reason: unknown): void {
    for (const { segment } of this.#ready.splice(0)) segment.release();
    this.fail(reason);
  }

  /** Throws the reason if the stream failed or was broken off. */
  throwFailure(): void {
    if (this.#failure) throw this.#failure.error;
  }

  /** The next piece, or null at the end. Owns: the taker releases the segment. Throws what `throwFailure` throws. */
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
