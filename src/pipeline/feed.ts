/** A feed: a stream as the pipeline takes it, segment after segment. */
import type { Segment } from "./segments.ts";

/** A segment whose first `length` bytes hold the next piece of a stream. */
export interface FilledSegment {
  readonly segment: Segment;
  readonly length: number;
}

/** Gives one stream front to back. A `SourceFeed` reads it from a source; into a `WritableFeed` somebody writes it. */
export interface Feed {
  /** Bytes that came in so far. */
  readonly bytesRead: number;
  /** The next piece, or null at the end. Owns: the taker releases the segment. Throws why the stream broke off. */
  next(): Promise<FilledSegment | null>;
}
