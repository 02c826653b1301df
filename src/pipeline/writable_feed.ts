/**
 * Feeds that somebody writes, many of them into one pool of segments. However many there are and in whatever order they
 * are written to, none waits for another one to be written to: where a segment is wanted and none is free, one that is
 * partly filled is handed on as it is.
 */
import { invariant } from "../base/errors.ts";
import type { Feed, FilledSegment } from "./feed.ts";
import { SegmentQueue } from "./segment_queue.ts";
import type { Segment, SegmentPool } from "./segments.ts";

/** The feeds that share a pool. */
export class FeedGroup {
  readonly #pool: SegmentPool;
  readonly #open = new Set<WritableFeed>();

  constructor(pool: SegmentPool) {
    this.#pool = pool;
  }

  /** One more stream. */
  open(): WritableFeed {
    const feed = new WritableFeed(this);
    this.#open.add(feed);
    return feed;
  }

  /** Whether somebody waits for a segment. */
  get isStarved(): boolean {
    return this.#pool.waiting > 0;
  }

  /** A segment; waits until one is free, and sees to it that one will be. */
  async acquire(): Promise<Segment> {
    const segment = this.#pool.acquire();
    if (this.isStarved) this.#fullest()?.handOn();
    return await segment;
  }

  /** A feed that is not written to any more. */
  forget(feed: WritableFeed): void {
    this.#open.delete(feed);
  }

  #fullest(): WritableFeed | undefined {
    let fullest: WritableFeed | undefined;
    for (const feed of this.#open) if (feed.heldBytes > (fullest?.heldBytes ?? 0)) fullest = feed;
    return fullest;
  }
}

/** One stream that is written. One write at a time; then `end`, or `fail` at any moment. */
export class WritableFeed implements Feed {
  readonly #group: FeedGroup;
  readonly #queue = new SegmentQueue();
  /** The segment that is being filled. */
  #filling: { readonly segment: Segment; length: number } | undefined;
  #bytesRead = 0;

  /** Made by `FeedGroup.open`. */
  constructor(group: FeedGroup) {
    this.#group = group;
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
      this.#queue.throwFailure();
      invariant(!this.#queue.isOver, "A stream was written to after its end");
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
    if (this.#group.isStarved) this.handOn();
  }

  /** Nothing more comes. */
  end(): void {
    this.handOn();
    this.#queue.end();
    this.#group.forget(this);
  }

  /** Breaks the stream off; whoever writes or takes from here on gets `reason`. */
  fail(reason: unknown): void {
    this.#group.forget(this);
    this.#filling?.segment.release();
    this.#filling = undefined;
    this.#queue.breakOff(reason);
  }

  next(): Promise<FilledSegment | null> {
    return this.#queue.next();
  }

  /** Gives what was written so far to the taker. */
  handOn(): void {
    if (this.#filling === undefined) return;
    const filled = this.#filling;
    this.#filling = undefined;
    this.#queue.push(filled);
  }

  /** From the moment it is there the segment is this stream's own, so that `fail` gives it back. */
  async #beginSegment(): Promise<void> {
    const segment = await this.#group.acquire();
    if (this.#queue.isOver) segment.release();
    else this.#filling = { segment, length: 0 };
  }
}
