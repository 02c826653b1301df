/**
 * Feeds that are written by callers, many of them into one pool of segments. However many there are, and in whatever
 * order they are written, none waits for a write to another: if a segment is wanted and none is free, a partly filled
 * one is handed on as it is.
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

  /** Opens another stream. */
  open(): WritableFeed {
    const feed = new WritableFeed(this);
    this.#open.add(feed);
    return feed;
  }

  /** Whether a taker waits for a segment. */
  get isStarved(): boolean {
    return this.#pool.waiting > 0;
  }

  /** Returns a segment; waits until one is free, and makes sure that one will be. */
  async acquire(): Promise<Segment> {
    const segment = this.#pool.acquire();
    if (this.isStarved) this.#fullest()?.handOn();
    return await segment;
  }

  /** Forgets a feed that is no longer written to. */
  forget(feed: WritableFeed): void {
    this.#open.delete(feed);
  }

  #fullest(): WritableFeed | undefined {
    let fullest: WritableFeed | undefined;
    for (const feed of this.#open) if (feed.heldBytes > (fullest?.heldBytes ?? 0)) fullest = feed;
    return fullest;
  }
}

/** A stream that is written by a caller: one write at a time, then `end`. `fail` may be called at any moment. */
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

  /** How many bytes are in the segment that is being filled. */
  get heldBytes(): number {
    return this.#filling?.length ?? 0;
  }

  /** Writes bytes. Owns: they may change once the promise resolves. Throws the reason of `fail`. */
  async write(bytes: Uint8Array): Promise<void> {
    for (let taken = 0; taken < bytes.length;) {
      this.#queue.throwFailure();
      invariant(!this.#queue.isOver, "A stream was written to after its end");
      if (this.#filling === undefined) await this.#beginSegment();
      const filling = this.#filling;
      if (filling === undefined) continue; // The stream was broken off, which released the segment.
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

  /** Ends the stream. */
  end(): void {
    this.handOn();
    this.#queue.end();
    this.#group.forget(this);
  }

  /** Breaks the stream off; every later write or take throws `reason`. */
  fail(reason: unknown): void {
    this.#group.forget(this);
    this.#filling?.segment.release();
    this.#filling = undefined;
    this.#queue.breakOff(reason);
  }

  next(): Promise<FilledSegment | null> {
    return this.#queue.next();
  }

  /** Hands what was written so far to the taker. */
  handOn(): void {
    if (this.#filling === undefined) return;
    const filled = this.#filling;
    this.#filling = undefined;
    this.#queue.push(filled);
  }

  /** Stores a new segment in this feed at once, so that `fail` releases it. */
  async #beginSegment(): Promise<void> {
    const segment = await this.#group.acquire();
    if (this.#queue.isOver) segment.release();
    else this.#filling = { segment, length: 0 };
  }
}
