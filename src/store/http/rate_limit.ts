/** How fast bytes may go: one limit shared by everything that goes the same way. */
import { invariant } from "../../base/errors.ts";
import type { Clock } from "../../base/clock.ts";

const MOST_PIECE_BYTES = 64 * 1024;
const LEAST_PIECE_BYTES = 1024;

/** A piece takes at most this long where the rate allows, so that slow lines move evenly and are never taken for dead. */
const PIECE_MS = 100;

/** Time not used may be made up for: timers wake late, and the rate is to be held nevertheless. */
const CREDIT_MS = 50;

/**
 * Spreads bytes over time. Each piece reserves its share and is told when it may go; the pieces of all callers form one
 * line (a virtual schedule, as in the generic cell rate algorithm of ATM traffic control).
 */
export class RateLimiter {
  /** The largest piece that may be reserved at once. */
  readonly pieceBytes: number;
  readonly #bytesPerMs: number;
  readonly #clock: Clock;
  /** When everything reserved so far will have gone, on the clock's monotonic scale. */
  #freeAtMs = -Infinity;

  /** Throws `BugError` unless the rate is positive. */
  constructor(bytesPerSecond: number, clock: Clock) {
    invariant(bytesPerSecond > 0, `Not a rate: ${bytesPerSecond} bytes per second`);
    this.#bytesPerMs = bytesPerSecond / 1000;
    this.pieceBytes = Math.max(LEAST_PIECE_BYTES, Math.min(MOST_PIECE_BYTES, Math.floor(this.#bytesPerMs * PIECE_MS)));
    this.#clock = clock;
  }

  /** Resolves when `bytes` bytes may go; rejects with the signal's reason. */
  async pass(bytes: number, signal?: AbortSignal): Promise<void> {
    const waitMs = this.reserve(bytes, this.#clock.monotonicMs());
    if (waitMs > 0) await this.#clock.sleep(waitMs, signal);
  }

  /** Takes a place in the line at the time `nowMs`; gives after how many milliseconds its turn comes. */
  reserve(bytes: number, nowMs: number): number {
    const startMs = Math.max(this.#freeAtMs, nowMs - CREDIT_MS);
    this.#freeAtMs = startMs + bytes / this.#bytesPerMs;
    return Math.max(0, startMs - nowMs);
  }
}
