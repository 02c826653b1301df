/**
 * Reads a binary format from pushed bytes as if from a file: the format is a generator that requests its next field,
 * and is resumed when the field is there, however the stream was cut.
 */
import { SourceError } from "../base/errors.ts";
import type { GuardFormat, Verdict } from "./guard.ts";
import type { Judge } from "./judge.ts";

/** Requests the next `take` bytes in one piece. They are valid until the next step. */
interface Take {
  readonly take: number;
  /** What these bytes are, for the message if they are missing. */
  readonly what: string;
  /** Whether the stream may end before the first of these bytes. The generator is then resumed with no bytes. */
  readonly orEnd?: boolean;
}

/**
 * Skips the next `pass` bytes (`Infinity`: until the sink or the stream ends it). The generator is resumed with no
 * bytes.
 */
export interface Pass {
  readonly pass: number;
  readonly what: string;
  /** Whether the stream may end anywhere within these bytes. */
  readonly orEnd?: boolean;
  /** Receives the bytes, and returns how many it took. Fewer than all ends the step. */
  readonly sink?: (piece: Uint8Array) => number;
  /** Also ends the step if it returns true. For sinks that know their end without seeing the next byte. */
  readonly isDone?: () => boolean;
}

/** The reader of one format. Returns why the stream is whole, or throws a `SourceError` that says why it is not. */
export type Walk = Generator<Take | Pass, string, Uint8Array>;

/** The position of a walk in its stream. */
export interface Cursor {
  /** The offset in bytes at which the next step begins. */
  readonly position: number;
}

/** A part of a walk that reads a value. */
export type Reading<T> = Generator<Take | Pass, T, Uint8Array>;

const NO_BYTES = new Uint8Array(0);
const SCRATCH_BYTES = 1024;

/** Drives one walk over one stream. */
export class WalkJudge implements Judge, Cursor {
  readonly #format: GuardFormat;
  readonly #walk: Walk;
  #step: Take | Pass | null = null;
  #judged: { complete: boolean; reason: string } | null = null;
  #scratch = new Uint8Array(SCRATCH_BYTES);
  /** Bytes of the current step that were processed. */
  #done = 0;
  position = 0;

  constructor(format: GuardFormat, start: (cursor: Cursor) => Walk) {
    this.#format = format;
    this.#walk = start(this);
    this.#resume(NO_BYTES);
  }

  push(bytes: Uint8Array): void {
    let rest = bytes;
    while (rest.length > 0 && this.#step !== null) {
      const used = this.#attempt(this.#step, rest);
      rest = rest.subarray(used);
    }
  }

  finish(): Verdict {
    while (this.#step?.orEnd && ("pass" in this.#step || this.#done === 0)) this.#resume(NO_BYTES);
    const { complete, reason } = this.#judged ?? { complete: false, reason: this.#cutShort() };
    return { format: this.#format, complete, reason, notes: [] };
  }

  dispose(): void {
    this.#step = null;
  }

  /**
   * Gives the step as many of `bytes` as it wants, and resumes the walk if the step is complete. Returns the number of
   * bytes used.
   */
  #attempt(step: Take | Pass, bytes: Uint8Array): number {
    const wanted = "take" in step ? step.take : step.pass;
    const piece = bytes.subarray(0, Math.min(bytes.length, wanted - this.#done));
    let used: number;
    try {
      used = "take" in step ? this.#collect(step, piece) : step.sink?.(piece) ?? piece.length;
    } catch (thrown) {
      this.#fail(thrown);
      return bytes.length;
    }
    this.#done += used;
    this.position += used;
    const ended = this.#done === wanted || used < piece.length || ("pass" in step && step.isDone?.() === true);
    if (ended) {
      this.#resume("take" in step ? this.#scratch.subarray(0, step.take) : NO_BYTES);
    }
    return used;
  }

  #collect(step: Take, piece: Uint8Array): number {
    if (this.#scratch.length < step.take) {
      const larger = new Uint8Array(step.take);
      larger.set(this.#scratch.subarray(0, this.#done));
      this.#scratch = larger;
    }
    this.#scratch.set(piece, this.#done);
    return piece.length;
  }

  /** Runs the walk to its next step that needs bytes, or to its end. */
  #resume(field: Uint8Array): void {
    this.#done = 0;
    this.#step = null;
    try {
      let next = this.#walk.next(field);
      while (!next.done && ("take" in next.value ? next.value.take : next.value.pass) === 0) {
        next = this.#walk.next(NO_BYTES);
      }
      if (next.done) this.#judged = { complete: true, reason: next.value };
      else this.#step = next.value;
    } catch (thrown) {
      this.#fail(thrown);
    }
  }

  #fail(thrown: unknown): void {
    this.#step = null;
    if (!(thrown instanceof SourceError)) throw thrown;
    this.#judged = { complete: false, reason: thrown.message };
  }

  #cutShort(): string {
    if (this.#step === null) return "the stream was given up";
    if (this.position === 0) return "the stream is empty";
    const where = this.#done === 0 ? "where a whole stream would continue with" : "inside";
    return `ends at byte ${this.position}, ${where} ${this.#step.what}`;
  }
}

/** An unsigned little-endian number of `length` (up to 8) bytes of `bytes` from `offset`; inexact beyond 2^53. */
export function littleEndian(bytes: Uint8Array, offset: number, length: number): number {
  let value = 0;
  for (let i = offset + length - 1; i >= offset; i--) value = value * 256 + bytes[i]!;
  return value;
}
