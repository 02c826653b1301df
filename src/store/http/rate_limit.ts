/** Limits how fast bytes move; all transfers in one direction share one limit. */
import { invariant } from "../../base/errors.ts";
import type { Clock } from "../../base/clock.ts";

const MOST_PIECE_BYTES = 64 * 1024;
const LEAST_PIECE_BYTES = 1024;

/**
 * A piece takes at most this long if the rate allows it, so that slow connections move evenly and never seem stalled.
 */
const PIECE_MS = 100;

/** This much unused time may be caught up on: timers wake late, and the rate should be reached all the same. */
const CREDIT_MS = 50;

/**
 * Spreads bytes over time. Each piece reserves its share and learns when it may be sent. The pieces of all callers form
 * one queue. Algorithm: virtual scheduling, as in the generic cell rate algorithm of ATM traffic control.
 */
export class RateLimiter {
  /** The largest piece that may be reserved at once. */
  readonly pieceBytes: number;
  readonly #bytesPerMs: number;
  readonly #clock: Clock;
  /** When all reserved bytes will have been sent, in the clock's monotonic milliseconds. */
  #freeAtMs = -Infinity;

  /** Throws `BugError` unless the rate is positive. */
  constructor(bytesPerSecond: number, clock: Clock) {
    invariant(bytesPerSecond > 0, `Not a rate: ${bytesPerSecond} bytes per second`);
    this.#bytesPerMs = bytesPerSecond / 1000;
    this.pieceBytes = Math.max(LEAST_PIECE_BYTES, Math.min(MOST_PIECE_BYTES, Math.floor(this.#bytesPerMs * PIECE_MS)));
    this.#clock = clock;
  }

  /** Resolves when `bytes` bytes may be sent; rejects with the signal's reason. */
  async pass(bytes: number, signal?: AbortSignal): Promise<void> {
    const waitMs = this.reserve(bytes, this.#clock.monotonicMs());
    if (waitMs > 0) await this.#clock.sleep(waitMs, signal);
  }

  /** Takes a place in the queue at the time `nowMs`; returns how many milliseconds to wait. */
  reserve(bytes: number, nowMs: number): number {
    const startMs = Math.max(this.#freeAtMs, nowMs - CREDIT_MS);
    this.#freeAtMs = startMs + bytes / this.#bytesPerMs;
    return Math.max(0, startMs - nowMs);
  }
}
