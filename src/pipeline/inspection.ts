/**
 * One stream in the digesting thread, which digests and judges any number of streams side by side; custom guards judge
 * in this thread.
 */
import { AgentError, messageOf, SourceError } from "../base/errors.ts";
import { Turn } from "../base/limits.ts";
import {
  type BuiltInGuardChoice,
  type CustomGuard,
  type CustomJudge,
  requireGuardName,
  type Verdict,
} from "../guard/guard.ts";
import type { DigestCalls, ReadSummary, StreamSummary, WantedDigests } from "./calls.ts";
import type { FilledSegment } from "./feed.ts";
import type { Caller } from "../base/thread.ts";

/**
 * The digests and the guard of one stream, all of them unless the summary is a `ReadSummary`. Call `take` for every
 * piece in order, then `finish`. To give up before the end, call `drop` instead.
 */
export interface StreamInspection<Summary extends ReadSummary = StreamSummary> {
  /** Takes the next piece, which begins at `start`, 0 by default. Owns: the segment is released in the end. */
  take(filled: FilledSegment, start?: number): void;
  /** The digests and the verdict of the whole stream. Throws if it could not be digested or judged. */
  finish(): Promise<Summary>;
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
export class Inspection<Summary extends ReadSummary> implements StreamInspection<Summary> {
  readonly #place: DigestPlace;
  readonly #stream: number;
  readonly #guard: BuiltInGuardChoice;
  readonly #wanted: WantedDigests;
  /** Who digests this stream, once that is known. */
  #digester: Caller<DigestCalls> | undefined;
  /** The first piece, until it is known who digests it. */
  #held: FilledSegment & { readonly start: number } | undefined;

  /** `stream` is its number in the place; no other stream there may ever have the same. */
  constructor(place: DigestPlace, stream: number, guard: BuiltInGuardChoice, wanted: WantedDigests) {
    this.#place = place;
    this.#stream = stream;
    this.#guard = guard;
    this.#wanted = wanted;
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
  async finish(): Promise<Summary> {
    const digester = this.#digester ?? this.#beginIn(this.#place.worker ?? this.#place.here);
    // It has an MD5 if that was wanted: `DigestThread.inspect` pairs the two.
    return await digester.call("finish", { stream: this.#stream }) as Summary;
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
    quiet(digester.call("begin", { stream: this.#stream, guard: this.#guard, ...this.#wanted }));
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
 * Lets a custom guard judge in this thread what another one digests, since the guard is an object of this thread. A
 * guard that throws, or that gives no verdict, makes `finish` throw `SourceError`: half a stream must never count.
 */
export class CustomInspection<Summary extends ReadSummary> implements StreamInspection<Summary> {
  readonly #digests: StreamInspection<Summary>;
  readonly #name: string;
  /** After a piece that could not be judged, no other piece is judged. */
  readonly #judging = new Turn({ endsAtFailure: true });
  #judge: CustomJudge | undefined;
  #isOver = false;

  /** `digests` digests the stream and judges nothing. */
  constructor(digests: StreamInspection<Summary>, guard: CustomGuard) {
    this.#digests = digests;
    this.#name = guard.name;
    this.#quietly(() => {
      requireGuardName(guard.name);
      this.#judge = guard.create();
    });
  }

  take({ segment, length }: FilledSegment, start = 0): void {
    segment.retain();
    this.#quietly(() => this.#judge!.push(segment.bytes.subarray(start, length)), () => segment.release());
    this.#digests.take({ segment, length }, start);
  }

  async finish(): Promise<Summary> {
    const judged = this.#judging.take(async () => this.#verdictOf(await this.#judge!.finish()));
    judged.catch(() => {}); // It is thrown below, once all pieces are released.
    const summary = await this.#digests.finish();
    try {
      return { ...summary, verdict: await judged };
    } catch (error) {
      if (error instanceof AgentError) throw error;
      const message = `The guard "${this.#name}" failed: ${messageOf(error)}; nothing was committed`;
      throw new SourceError(message, { cause: error });
    }
  }

  drop(): void {
    this.#digests.drop();
    if (this.#isOver) return;
    this.#isOver = true;
    const dispose = () => this.#judge?.dispose?.();
    this.#judging.take(() => {}).then(dispose, dispose).catch(() => {}); // What the guard said of the stream counts.
  }

  /** Does work of the guard after all that it was given before. What it throws is thrown by `finish`. */
  #quietly(work: () => void | Promise<void>, after: () => void = () => {}): void {
    this.#judging.take(work).catch(() => {}).finally(after);
  }

  #verdictOf(verdict: unknown): Verdict {
    const { complete, reason, notes = [] } = (verdict ?? {}) as Record<string, unknown>;
    if (typeof complete !== "boolean" || typeof reason !== "string" || !isListOfTexts(notes)) {
      throw new TypeError("it gave no verdict, which has complete (true or false) and reason (a text)");
    }
    return { format: this.#name, complete, reason: oneLine(reason), notes: notes.map(oneLine) };
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

function isListOfTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, " ").trim();
}
