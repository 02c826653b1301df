/**
 * Inlets: streams that somebody writes, many of them into one pool of segments. However many there are and in whatever
 * order they are written to, none waits for another one to be written to: where a segment is wanted and none is free, one
 * that is partly filled is handed on as it is.
 */
import { invariant } from "../base/errors.ts";
import type { Feed, FilledSegment } from "./feed.ts";
import type { Segment, SegmentPool } from "./segments.ts";

/** The inlets that share a pool. */
export class Inlets {
  readonly #pool: SegmentPool;
  readonly #open = new Set<Inlet>();

  constructor(pool: SegmentPool) {
    this.#pool = pool;
  }

  /** One more stream. */
  open(): Inlet {
    const inlet = new Inlet(this);
    this.#open.add(inlet);
    return inlet;
  }

  /** Whether somebody waits for a segment. */
  get areStarved(): boolean {
    return this.#pool.waiting > 0;
  }

  /** A segment; waits until one is free, and sees to it that one will be. */
  async acquire(): Promise<Segment> {
    const segment = this.#pool.acquire();
    if (this.areStarved) this.#fullest()?.handOn();
    return await segment;
  }

  /** An inlet that is not written to any more. */
  forget(inlet: Inlet): void {
    this.#open.delete(inlet);
  }

  #fullest(): Inlet | undefined {
    let fullest: Inlet | undefined;
    for (const inlet of this.#open) if (inlet.heldBytes > (fullest?.heldBytes ?? 0)) fullest = inlet;
    return fullest;
  }
}

/** One stream that is written. One write at a time; then `end`, or `fail` at any moment. */
export class Inlet implements Feed {
  readonly #siblings: Inlets;
  readonly #ready: FilledSegment[] = [];
  /** The segment that is being filled. */
  #filling: { readonly segment: Segment; length: number } | undefined;
  #wakeTaker: (() => void) | undefined;
  #ended = false;
  #failure: { readonly error: unknown } | undefined;
  #bytesRead = 0;

  /** Made by `Inlets.open`. */
  constructor(siblings: Inlets) {
    this.#siblings = siblings;
  }

  get bytesRead(): number {
    return this.#bytesRead;
  }

  /** Bytes in the segment that is being filled. */
  get heldBytes(): number {
    return this.#filling?.length ?? 0;
  }

  /** Takes the bytes; they may change as soon as it resolves. Throws the reason of `fail`. */
  async write(bytes: Uint8Array): Promise<void> {
    for (let taken = 0; taken < bytes.length;) {
      this.#throwFailure();
      invariant(!this.#ended, "A stream was written to after its end");
      if (this.#filling === undefined) await this.#beginSegment();
      const filling = this.#filling;
      if (filling === undefined) continue; // It was given back: the stream was broken off.
      const { segment, length } = filling;
      const piece = bytes.subarray(taken, taken + segment.bytes.length - length);
      segment.bytes.set(piece, length);
      filling.length += piece.length;
      taken += piece.length;
      this.#bytesRead += piece.length;
      if (filling.length === segment.bytes.length) this.handOn();
    }
    if (this.#siblings.areStarved) this.handOn();
  }

  /** Nothing more comes. */
  end(): void {
    this.handOn();
    this.#ended = true;
    this.#siblings.forget(this);
    this.#wake();
  }

  /** Breaks the stream off; whoever writes or takes from here on gets `reason`. */
  fail(reason: unknown): void {
    this.#failure ??= { error: reason };
    this.#siblings.forget(this);
    this.#filling?.segment.release();
    this.#filling = undefined;
    for (const { segment } of this.#ready.splice(0)) segment.release();
    this.#wake();
  }

  async next(): Promise<FilledSegment | null> {
    for (;;) {
      const filled = this.#ready.shift();
      if (filled) return filled;
      this.#throwFailure();
      if (this.#ended) return null;
      await new Promise<void>((resolve) => this.#wakeTaker = resolve);
    }
  }

  /** Gives what was written so far to the taker. */
  handOn(): void {
    if (this.#filling === undefined) return;
    this.#ready.push(this.#filling);
    this.#filling = undefined;
    this.#wake();
  }

  /** From the moment it is there the segment is this stream's own, so that `fail` gives it back. */
  async #beginSegment(): Promise<void> {
    const segment = await this.#siblings.acquire();
    if (this.#failure === undefined) this.#filling = { segment, length: 0 };
    else segment.release();
  }

  #throwFailure(): void {
    if (this.#failure) throw this.#failure.error;
  }

  #wake(): void {
    this.#wakeTaker?.();
    this.#wakeTaker = undefined;
  }
}
