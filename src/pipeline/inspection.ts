/** One stream in the digesting thread, which digests and judges any number of streams side by side. */
import type { GuardChoice } from "../guard/guard.ts";
import type { DigestCalls, StreamSummary } from "./calls.ts";
import type { FilledSegment } from "./feed.ts";
import type { Thread } from "../base/thread.ts";

/**
 * The digests and the guard of one stream. Call `take` for every piece in order, then `finish`. To give up before the
 * end, call `drop` instead.
 */
export interface StreamInspection {
  /** Takes the next piece. Owns: the segment is released in the end. */
  take(filled: FilledSegment): void;
  /** The digests and the verdict of the whole stream. Throws if it could not be digested or judged. */
  finish(): Promise<StreamSummary>;
  /** Gives the stream up. May be called more than once, and after `finish`. */
  drop(): void;
}

/** An inspection in a digesting thread. */
export class Inspection implements StreamInspection {
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

  /** Gives the stream up and disposes of its guard. */
  drop(): void {
    quiet(this.#thread.call("drop", { stream: this.#stream }));
  }
}

/**
 * The view of one inspection for those who share its stream: the pieces go to the inspection by another way, once, and
 * each sharer gets the same summary. Whoever began the inspection drops it.
 */
export class SharedInspection implements StreamInspection {
  readonly #inspection: StreamInspection;
  #summary: Promise<StreamSummary> | undefined;

  /** `inspection` gets every piece before the first call of `finish`. */
  constructor(inspection: StreamInspection) {
    this.#inspection = inspection;
  }

  take({ segment }: FilledSegment): void {
    segment.release();
  }

  finish(): Promise<StreamSummary> {
    return this.#summary ??= this.#inspection.finish();
  }

  drop(): void {}
}

/** Keeps a rejection from counting as unhandled; the stream's `finish` throws it. */
function quiet(promise: Promise<unknown>): void {
  promise.catch(() => {});
}
