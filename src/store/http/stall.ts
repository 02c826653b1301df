/** Notices when nothing moves. */
import type { Clock } from "../../base/clock.ts";

/** Watches over one request; whoever sees a byte move tells it. */
export class StallWatch {
  readonly #clock: Clock;
  readonly #stallMs: number;
  #movedAtMs: number;
  #isHeld = false;

  constructor(stallMs: number, clock: Clock) {
    this.#clock = clock;
    this.#stallMs = stallMs;
    this.#movedAtMs = clock.monotonicMs();
  }

  /** Something moved. */
  moved(): void {
    this.#movedAtMs = this.#clock.monotonicMs();
  }

  /** While `pause` lasts, nothing is expected to move. */
  async hold(pause: Promise<void>): Promise<void> {
    this.#isHeld = true;
    try {
      await pause;
    } finally {
      this.#isHeld = false;
      this.moved();
    }
  }

  /** Resolves with true once nothing moved for too long, with false once the signal is aborted. */
  async watch(signal: AbortSignal): Promise<boolean> {
    for (let leftMs = this.#leftMs(); leftMs > 0; leftMs = this.#leftMs()) {
      const isOver = await this.#clock.sleep(leftMs, signal).then(() => false, () => true);
      if (isOver) return false;
    }
    return true;
  }

  #leftMs(): number {
    return this.#isHeld ? this.#stallMs : this.#movedAtMs + this.#stallMs - this.#clock.monotonicMs();
  }
}
