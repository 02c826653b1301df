/** A clock on which every sleep is over at once and moves the time. */
import type { Clock } from "../../src/base/clock.ts";

export class InstantClock implements Clock {
  nowMs = Date.UTC(2026, 0, 2, 3, 4, 5);
  /** Every span that was slept, in milliseconds. */
  readonly sleeps: number[] = [];

  now(): Date {
    return new Date(this.nowMs);
  }

  monotonicMs(): number {
    return this.nowMs;
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    this.sleeps.push(ms);
    this.nowMs += ms;
    await Promise.resolve();
  }
}
