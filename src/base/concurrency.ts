/** Many asynchronous calls, some of them at a time. */

/**
 * Calls `work` for every item, at most `limit` at a time, and gives the results in the order of the items. After the
 * first failure no further call begins; that failure is thrown once those under way are over.
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

/** Work that goes on in the background, so much of it at a time; what goes wrong is thrown by a later call. */
export class BackgroundWork {
  readonly #limit: number;
  readonly #running = new Set<Promise<void>>();
  #failure: { error: unknown } | undefined;

  /** `limit`: how many pieces of work may go on at once, at least 1. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Begins the work as soon as there is room, and resolves then. Throws the first failure of earlier work instead. */
  async begin(work: () => Promise<void>): Promise<void> {
    while (this.#running.size >= this.#limit) await Promise.race(this.#running);
    this.#throwFailure();
    const running = work().catch((error) => {
      this.#failure ??= { error };
    }).finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  /** Resolves when nothing goes on any more; throws the first failure. */
  async settle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
    this.#throwFailure();
  }

  #throwFailure(): void {
    if (this.#failure) throw this.#failure.error;
  }
}

/** Work that goes on one piece after the other, in the order in which it was brought. */
export class Turn {
  #last: Promise<unknown> = Promise.resolve();

  /** Does the work when all that was brought before is over, however that ended. */
  take<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => {});
    return result;
  }
}
