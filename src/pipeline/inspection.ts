/** One stream in the digesting thread, which digests and judges any number of streams side by side. */
import type { BuiltInGuardChoice } from "../guard/guard.ts";
import type { DigestCalls, StreamSummary } from "./calls.ts";
import type { FilledSegment } from "./feed.ts";
import type { Caller } from "../base/thread.ts";

/**
 * The digests and the guard of one stream. Call `take` for every piece in order, then `finish`. To give up before the
 * end, call `drop` instead.
 */
export interface StreamInspection {
  /** Takes the next piece, which begins at `start`, 0 by default. Owns: the segment is released in the end. */
  take(filled: FilledSegment, start?: number): void;
  /** The digests and the verdict of the whole stream. Throws if it could not be digested or judged. */
  finish(): Promise<StreamSummary>;
  /** Gives the stream up. May be called more than once, and after `finish`. */
  drop(): void;
}

/** Who digests streams. */
export interface DigestPlace {
  /** The digesting thread; undefined until it is started. */
  readonly worker: Caller<DigestCalls> | undefined;
  /** This thread, for streams that are over with their first piece. */
  readonly here: Caller<DigestCalls>;
  /** Starts the digesting thread if it is not started yet. */
  start(): Caller<DigestCalls>;
}

/**
 * An inspection in the digesting thread; in this thread if the stream ends with its first piece and the other has not
 * been started by then.
 */
export class Inspection implements StreamInspection {
  readonly #place: DigestPlace;
  readonly #stream: number;
  readonly #guard: BuiltInGuardChoice;
  /** Who digests this stream, once that is known. */
  #digester: Caller<DigestCalls> | undefined;
  /** The first piece, until it is known who digests it. */
  #held: FilledSegment & { readonly start: number } | undefined;

  /** `stream` is its number in the place; no other stream there may ever have the same. */
  constructor(place: DigestPlace, stream: number, guard: BuiltInGuardChoice) {
    this.#place = place;
    this.#stream = stream;
    this.#guard = guard;
    if (place.worker !== undefined) this.#beginIn(place.worker);
  }

  /**
   * Sends the next piece, which begins at `start`. Owns: the segment is released when the thread is done with it.
   * Errors are thrown by `finish`.
   */
  take({ segment, length }: FilledSegment, start = 0): void {
    const piece = { segment, length, start };
    const mayBeLast = length < segment.bytes.length;
    if (this.#digester === undefined && this.#held === undefined && mayBeLast) this.#held = piece;
    else this.#send(this.#digester ?? this.#beginIn(this.#place.start()), piece);
  }

  /** The digests and the verdict of everything taken. Throws if `take` or the constructor failed in the thread. */
  async finish(): Promise<StreamSummary> {
    const digester = this.#digester ?? this.#beginIn(this.#place.worker ?? this.#place.here);
    return await digester.call("finish", { stream: this.#stream });
  }

  /** Gives the stream up and disposes of its guard. */
  drop(): void {
    this.#held?.segment.release();
    this.#held = undefined;
    if (this.#digester !== undefined) quiet(this.#digester.call("drop", { stream: this.#stream }));
    // It never began there, so that `finish` throws.
    this.#digester ??= this.#place.here;
  }

  #beginIn(digester: Caller<DigestCalls>): Caller<DigestCalls> {
    this.#digester = digester;
    quiet(digester.call("begin", { stream: this.#stream, guard: this.#guard }));
    if (this.#held !== undefined) this.#send(digester, this.#held);
    this.#held = undefined;
    return digester;
  }

  #send(digester: Caller<DigestCalls>, { segment, length, start }: FilledSegment & { readonly start: number }): void {
    const request = { stream: this.#stream, segment: segment.bytes.buffer, start, end: length };
    quiet(digester.call("update", request).finally(() => segment.release()));
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
