/** A feed: a stream as the pipeline receives it, segment after segment. */
import type { Segment } from "./segments.ts";

/** A segment whose first `length` bytes hold the next piece of a stream. */
export interface FilledSegment {
  readonly segment: Segment;
  readonly length: number;
}

/**
 * Returns one stream from front to back. A `SourceFeed` reads it from a source; a `WritableFeed` receives it from a
 * writer.
 */
export interface Feed {
  /** How many bytes have come in so far. */
  readonly bytesRead: number;
  /**
   * The next piece, or null at the end. Owns: the taker releases the segment. Throws the reason if the stream broke
   * off.
   */
  next(): Promise<FilledSegment | null>;
}
