/** The intake: reads a source into segments from the first moment, as far ahead as the pool of segments allows. */
import type { ByteSource } from "../base/byte_source.ts";
import type { Feed, FilledSegment } from "./feed.ts";
import type { Segment, SegmentPool } from "./segments.ts";

/** Reads ahead of whoever takes; an error of the source reaches the taker. */
export class Intake implements Feed {
  readonly #source: ByteSource;
  readonly #pool: SegmentPool;
  readonly #ready: FilledSegment[] = [];
  #wakeTaker: (() => void) | undefined;
  #ended = false;
  #failure: { error: unknown } | undefined;
  #bytesRead = 0;

  /** Begins to read at once. */
  constructor(source: ByteSource, pool: SegmentPool) {
    this.#source = source;
    this.#pool = pool;
    void this.#readAll();
  }

  /** Bytes taken from the source so far. */
  get bytesRead(): number {
    return this.#bytesRead;
  }

  /** Throws what the source threw. */
  async next(): Promise<FilledSegment | null> {
    for (;;) {
      const filled = this.#ready.shift();
      if (filled) return filled;
      if (this.#failure) throw this.#failure.error;
      if (this.#ended) return null;
      await new Promise<void>((resolve) => this.#wakeTaker = resolve);
    }
  }

  /** Gives the source up before its end; whoever takes from here on gets `reason`, never what looks like an end. */
  async cancel(reason: unknown): Promise<void> {
    this.#failure ??= { error: reason };
    this.#ended = true;
    for (const { segment } of this.#ready.splice(0)) segment.release();
    this.#wake();
    // What came of the stream is known by now; a source that breaks its promise never to throw does not change it.
    await this.#source.cancel().catch(() => {});
  }

  async #readAll(): Promise<void> {
    try {
      while (!this.#ended) {
        const segment = await this.#pool.acquire();
        const filled = await this.#fill(segment).catch((error) => {
          segment.release();
          throw error;
        });
        if (this.#ended || filled.length === 0) filled.segment.release();
        else this.#ready.push(filled);
        if (filled.length < filled.segment.bytes.length) this.#ended = true;
        this.#wake();
      }
    } catch (error) {
      this.#failure ??= { error };
      this.#wake();
    }
  }

  async #fill(segment: Segment): Promise<FilledSegment> {
    let length = 0;
    while (length < segment.bytes.length && !this.#ended) {
      const count = await this.#source.read(segment.bytes.subarray(length));
      if (count === null) break;
      length += count;
      this.#bytesRead += count;
    }
    return { segment, length };
  }

  #wake(): void {
    this.#wakeTaker?.();
    this.#wakeTaker = undefined;
  }
}
