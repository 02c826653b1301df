/** Items that are being made, in order: a bounded number ahead of whoever takes them. */
import type { EngineItem } from "../engine.ts";

/** Between one who makes items and one who takes them. */
export class ItemQueue {
  readonly #most: number;
  readonly #items: Promise<EngineItem | null>[] = [];
  #isOver = false;
  #failure: { readonly error: unknown } | undefined;
  #changed = Promise.withResolvers<void>();

  /** `most`: how many wait to be taken. */
  constructor(most: number) {
    this.#most = most;
  }

  /** Adds an item that is being made; null once it is made means that there is none. Waits until there is room. */
  async push(item: Promise<EngineItem | null>): Promise<void> {
    item.catch(() => {}); // Whoever takes it gets the failure.
    this.#items.push(item);
    this.#wake();
    while (this.#items.length >= this.#most && this.#failure === undefined) await this.#changed.promise;
    this.throwFailure();
  }

  /** Throws what `fail` was called with. */
  throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** No more items come. */
  end(): void {
    this.#isOver = true;
    this.#wake();
  }

  /** Whoever pushes or takes gets the error. What is in the queue is given to `drop`. */
  async fail(error: unknown, drop: (item: EngineItem) => Promise<void>): Promise<void> {
    this.#failure ??= { error };
    this.#wake();
    const items = this.#items.splice(0);
    await Promise.all(items.map(async (made) => {
      const item = await made.catch(() => null);
      if (item !== null) await drop(item);
    }));
  }

  /** The next item; undefined at the end. Throws what failed while it was made. */
  async take(): Promise<EngineItem | undefined> {
    for (;;) {
      this.throwFailure();
      const next = this.#items.shift();
      if (next !== undefined) {
        this.#wake();
        const item = await next;
        if (item !== null) return item;
      } else if (this.#isOver) return undefined;
      else await this.#changed.promise;
    }
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}
