/** Notices when a request stalls. */
import type { Clock } from "../../base/clock.ts";

/** Watches one request; its owner calls `moved` for every byte it sees move. */
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

  /** Records that something moved. */
  moved(): void {
    this.#movedAtMs = this.#clock.monotonicMs();
  }

  /** Expects nothing to move while `pause` lasts. */
  async hold(pause: Promise<void>): Promise<void> {
    this.#isHeld = true;
    try {
      await pause;
    } finally {
      this.#isHeld = false;
      this.moved();
    }
  }

  /** Resolves to true once nothing has moved for too long, and to false once the signal is aborted. */
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
