/** The feed of a source: reads ahead into segments from the start, as far as the segment pool allows. */
import type { ByteSource } from "../base/byte_source.ts";
import type { Feed, FilledSegment } from "./feed.ts";
import { SegmentQueue } from "./segment_queue.ts";
import type { Segment, SegmentPool } from "./segments.ts";

/** Reads ahead of the taker, who also receives the errors of the source. */
export class SourceFeed implements Feed {
  readonly #source: ByteSource;
  readonly #pool: SegmentPool;
  readonly #onRead: (bytesRead: number) => void;
  readonly #queue = new SegmentQueue();
  #bytesRead = 0;

  /** Begins to read at once; `onRead` is called with the number of bytes so far, whenever more have come. */
  constructor(source: ByteSource, pool: SegmentPool, onRead: (bytesRead: number) => void = () => {}) {
    this.#source = source;
    this.#pool = pool;
    this.#onRead = onRead;
    void this.#readAll();
  }

  /** How many bytes were read from the source so far. */
  get bytesRead(): number {
    return this.#bytesRead;
  }

  /** Throws what the source threw. */
  next(): Promise<FilledSegment | null> {
    return this.#queue.next();
  }

  /** Gives the source up before its end. From then on, the taker receives `reason`, never what looks like an end. */
  async cancel(reason: unknown): Promise<void> {
    this.#queue.breakOff(reason);
    try {
      await this.#source.cancel();
    } catch {
      // The fate of the stream is known by now, so a source that throws against its contract changes nothing.
    }
  }

  async #readAll(): Promise<void> {
    try {
      while (!this.#queue.isOver) {
        const segment = await this.#pool.acquire();
        const filled = await this.#fill(segment);
        this.#queue.push(filled);
        if (filled.length < segment.bytes.length) this.#queue.end();
      }
    } catch (error) {
      this.#queue.fail(error);
    }
  }

  /** Fills the segment as far as the source has bytes; releases it if the source throws. */
  async #fill(segment: Segment): Promise<FilledSegment> {
    let length = 0;
    try {
      while (length < segment.bytes.length && !this.#queue.isOver) {
        const count = await this.#source.read(segment.bytes.subarray(length));
        if (count === null) break;
        length += count;
        this.#bytesRead += count;
        this.#onRead(this.#bytesRead);
      }
    } catch (error) {
      segment.release();
      throw error;
    }
    return { segment, length };
  }
}
