/** One stream in the digesting thread: any number of them are digested and judged there side by side. */
import type { GuardChoice } from "../guard/guard.ts";
import type { DigestCalls, StreamSummary } from "./calls.ts";
import type { FilledSegment } from "./feed.ts";
import type { Thread } from "../base/thread.ts";

/** Digests and guard of one stream. Take every piece in order, then `finish`; or `drop` it before its end. */
export class Inspection {
  readonly #thread: Thread<DigestCalls>;
  readonly #stream: number;

  /** `stream` names it in the thread: no other stream there may ever have the same number. */
  constructor(thread: Thread<DigestCalls>, stream: number, guard: GuardChoice) {
    this.#thread = thread;
    this.#stream = stream;
    quiet(thread.call("begin", { stream, guard }));
  }

  /** Sends the next piece. Owns: the segment is released when the thread is done with it. `finish` meets what fails. */
  take({ segment, length }: FilledSegment): void {
    const request = { stream: this.#stream, segment: segment.bytes.buffer, start: 0, end: length };
    quiet(this.#thread.call("update", request).finally(() => segment.release()));
  }

  /** Digests and verdict over all that was taken. Throws what failed on the way. */
  async finish(): Promise<StreamSummary> {
    return await this.#thread.call("finish", { stream: this.#stream });
  }

  /** Gives a stream up: its guard lets go of what it holds. Safe to repeat and after `finish`. */
  drop(): void {
    quiet(this.#thread.call("drop", { stream: this.#stream }));
  }
}

/** Keeps a rejection from counting as unhandled: the stream's `finish` meets it. */
function quiet(promise: Promise<unknown>): void {
  promise.catch(() => {});
}
