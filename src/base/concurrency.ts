/** Many asynchronous calls, a limited number at a time. */
import { type Permit, Semaphore } from "./limits.ts";

/**
 * Calls `work` for every item, at most `limit` at a time, and returns the results in the order of the items. After the
 * first failure no further call begins; once the running calls are over, that failure is thrown.
 */
export async function mapConcurrently<T, R>(
  items: Iterable<T>,
  limit: number,
  work: (item: T, position: number) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  const iterator = items[Symbol.iterator]();
  let position = 0;
  let failure: { error: unknown } | undefined;
  const runner = async () => {
    for (let next = iterator.next(); !next.done && !failure; next = iterator.next()) {
      const at = position++;
      try {
        results[at] = await work(next.value, at);
      } catch (error) {
        failure ??= { error };
      }
    }
  };
  await Promise.all(Array.from({ length: limit }, runner));
  if (failure) throw failure.error;
  return results;
}

/** Work in the background, a limited number of pieces at a time. A failure is thrown by a later call. */
export class BackgroundWork {
  readonly #places: Semaphore;
  readonly #onFailure: ((error: unknown) => void) | undefined;
  readonly #running = new Set<Promise<void>>();
  #failure: { error: unknown } | undefined;

  /**
   * `limit`: how many pieces of work may run at once, at least 1. `onFailure`: called with the first failure as soon as
   * it happens, for those who may not call again for long.
   */
  constructor(limit: number, onFailure?: (error: unknown) => void) {
    this.#places = new Semaphore(limit);
    this.#onFailure = onFailure;
  }

  /** Begins the work as soon as there is room, and resolves then. Throws the first failure of earlier work instead. */
  async begin(work: () => Promise<void>): Promise<void> {
    const place = this.#places.tryTake() ?? await this.#places.take();
    if (this.#failure) {
      place.release();
      throw this.#failure.error;
    }
    const running = this.#do(work, place).finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  /** Resolves when no work is running any more; throws the first failure. */
  async settle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
    if (this.#failure) throw this.#failure.error;
  }

  async #do(work: () => Promise<void>, place: Permit): Promise<void> {
    using _place = place;
    try {
      await work();
    } catch (error) {
      if (this.#failure) return;
      this.#failure = { error };
      this.#onFailure?.(error);
    }
  }
}
