/** Slots: a fixed number of places for work, taken in the order in which they were asked for. */

/** The slots that several share. */
export class Slots {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  /** Whether `take` would not have to wait. */
  get isFree(): boolean {
    return this.#free > 0;
  }

  /** Takes a slot; waits until one is free. */
  async take(): Promise<void> {
    if (this.isFree) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** Gives a slot back. */
  give(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#free++;
  }
}
