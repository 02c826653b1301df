/** One stream in the digesting thread, which digests and judges any number of streams side by side. */
import type { GuardChoice } from "../guard/guard.ts";
import type { DigestCalls, StreamSummary } from "./calls.ts";
import type { FilledSegment } from "./feed.ts";
import type { Thread } from "../base/thread.ts";

/**
 * The digests and the guard of one stream. Call `take` for every piece in order, then `finish`. To give up before the
 * end, call `drop` instead.
 */
export class Inspection {
  readonly #thread: Thread<DigestCalls>;
  readonly #stream: number;

  /** `stream` is its number in the thread; no other stream there may ever have the same. */
  constructor(thread: Thread<DigestCalls>, stream: number, guard: GuardChoice) {
    this.#thread = thread;
    this.#stream = stream;
    quiet(thread.call("begin", { stream, guard }));
  }

  /**
   * Sends the next piece, which begins at `start`. Owns: the segment is released when the thread is done with it. Errors are thrown by `finish`.
   */
  take({ segment, length }: FilledSegment, start = 0): void {
    const request = { stream: this.#stream, segment: segment.bytes.buffer, start, end: length };
    quiet(this.#thread.call("update", request).finally(() => segment.release()));
  }

  /** The digests and the verdict of everything taken. Throws if `take` or the constructor failed in the thread. */
  async finish(): Promise<StreamSummary> {
    return await this.#thread.call("finish", { stream: this.#stream });
  }

  /** Gives the stream up and disposes of its guard. May be called more than once, and after `finish`. */
  drop(): void {
    quiet(this.#thread.call("drop", { stream: this.#stream }));
  }
}

/** Keeps a rejection from counting as unhandled; the stream's `finish` throws it. */
function quiet(promise: Promise<unknown>): void {
  promise.catch(() => {});
}
