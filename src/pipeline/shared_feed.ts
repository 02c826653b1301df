/**
 * A feed with several takers: a stream that is read once and goes to several places. All of them get the same segments,
 * so that another taker costs no memory, and the slowest one sets the pace. A taker that has left holds nobody up.
 */
import type { Feed, FilledSegment } from "./feed.ts";
import type { StreamInspection } from "./inspection.ts";
import { SegmentQueue } from "./segment_queue.ts";

/** What a stream is shared by. */
interface SharedFeedOptions {
  /** How many takers there are. */
  readonly takers: number;
  /** Gets every piece as soon as it comes, for all takers together; absent if each of them inspects the stream. */
  readonly inspection?: Pick<StreamInspection, "take"> | undefined;
}

/** One of the takers of a shared feed. */
export interface TakerFeed extends Feed {
  /**
   * Stops taking: everything that waits for this taker is released at once, and so is whatever comes later. Its next
   * call of `next` throws `reason`.
   */
  leave(reason: unknown): void;
}

/** Hands every piece of a feed to all takers as soon as it comes; the segments in use limit how far it gets ahead. */
export class SharedFeed {
  /** The feed of each taker. */
  readonly takers: readonly TakerFeed[];
  readonly #feed: Feed;
  readonly #queues: readonly SegmentQueue[];
  readonly #inspection: SharedFeedOptions["inspection"];
  #failure: { readonly error: unknown } | undefined;

  /** Takes from `feed` at once. Its owner cancels it when all takers have left, since nobody takes the rest. */
  constructor(feed: Feed, { takers, inspection }: SharedFeedOptions) {
    this.#feed = feed;
    this.#inspection = inspection;
    this.#queues = Array.from({ length: takers }, () => new SegmentQueue());
    this.takers = this.#queues.map((queue) => ({
      get bytesRead() {
        return feed.bytesRead;
      },
      next: () => queue.next(),
      leave: (reason) => queue.breakOff(reason),
    }));
    void this.#passOn();
  }

  /** What the feed threw; undefined if it has not. Takers that have not left throw the same when they get there. */
  get failure(): { readonly error: unknown } | undefined {
    return this.#failure;
  }

  /** Lets all takers leave. */
  breakOff(reason: unknown): void {
    for (const queue of this.#queues) queue.breakOff(reason);
  }

  get #isAbandoned(): boolean {
    return this.#queues.every((queue) => queue.isOver);
  }

  async #passOn(): Promise<void> {
    try {
      while (!this.#isAbandoned) {
        const filled = await this.#feed.next();
        if (filled === null) return this.#end();
        this.#give(filled);
      }
    } catch (error) {
      this.#failure = { error };
      for (const queue of this.#queues) queue.fail(error);
    }
  }

  #end(): void {
    for (const queue of this.#queues) queue.end();
  }

  #give({ segment, length }: FilledSegment): void {
    if (this.#inspection !== undefined && !this.#isAbandoned) {
      segment.retain();
      this.#inspection.take({ segment, length });
    }
    for (const queue of this.#queues) {
      segment.retain();
      queue.push({ segment, length });
    }
    segment.release();
  }
}
