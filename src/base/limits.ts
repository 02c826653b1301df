/** Limits on what goes on at once: a certain amount of something, or one thing at a time. Who comes too early waits in line. */
import { invariant } from "./errors.ts";

/** What a `Semaphore` lent. It counts as taken until it is given back, which a second time does nothing. */
export interface Permit extends Disposable {
  /** Gives it back. */
  release(): void;
}

/** What is asked of a `Semaphore`. */
interface TakeOptions {
  /** How much, in the unit of the limit; 1 by default. */
  readonly amount?: number;
  /** Ends the waiting. */
  readonly signal?: AbortSignal | undefined;
}

interface Waiter {
  readonly amount: number;
  readonly enter: (permit: Permit) => void;
}

/** Lends up to a limit, of pieces of work or of bytes or whatever it counts, strictly in the order of arrival. */
export class Semaphore {
  readonly #limit: number;
  readonly #admitsLarger: boolean;
  #taken = 0;
  /** The longest waiting first. */
  readonly #waiting = new Set<Waiter>();

  /** `admitsLarger`: whether more than `limit` at once may be taken, which then waits until nothing else is. */
  constructor(limit: number, { admitsLarger = false }: { readonly admitsLarger?: boolean } = {}) {
    this.#limit = limit;
    this.#admitsLarger = admitsLarger;
  }

  /** How many wait. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Takes what is asked for where nobody has to wait for it; gives undefined otherwise. */
  tryTake(amount = 1): Permit | undefined {
    return this.#waiting.size === 0 && this.#fits(amount) ? this.#lend(amount) : undefined;
  }

  /**
   * Takes what is asked for; waits until there is room for it and everybody who came before is in. Rejects with the signal's
   * reason once that is aborted, and with `BugError` for more than will ever fit.
   */
  async take({ amount = 1, signal }: TakeOptions = {}): Promise<Permit> {
    invariant(amount <= this.#limit || this.#admitsLarger, `${amount} never fit into a limit of ${this.#limit}`);
    signal?.throwIfAborted();
    return this.tryTake(amount) ?? await this.#wait(amount, signal);
  }

  #fits(amount: number): boolean {
    return this.#taken + amount <= this.#limit || this.#admitsLarger && this.#taken === 0;
  }

  #lend(amount: number): Permit {
    this.#taken += amount;
    let isLent = true;
    const release = () => {
      if (!isLent) return;
      isLent = false;
      this.#taken -= amount;
      this.#admitWaiting();
    };
    return { release, [Symbol.dispose]: release };
  }

  #wait(amount: number, signal: AbortSignal | undefined): Promise<Permit> {
    const { promise, resolve, reject } = Promise.withResolvers<Permit>();
    const leave = () => {
      this.#waiting.delete(waiter);
      reject(signal!.reason);
      // Who was too large for the room that is left may have kept out others who are not.
      this.#admitWaiting();
    };
    const enter = (permit: Permit) => {
      signal?.removeEventListener("abort", leave);
      resolve(permit);
    };
    const waiter: Waiter = { amount, enter };
    this.#waiting.add(waiter);
    signal?.addEventListener("abort", leave, { once: true });
    return promise;
  }

  #admitWaiting(): void {
    for (const waiter of this.#waiting) {
      if (!this.#fits(waiter.amount)) return;
      this.#waiting.delete(waiter);
      waiter.enter(this.#lend(waiter.amount));
    }
  }
}

/** Work that goes on one piece after the other, in the order in which it was brought. */
export class Turn {
  readonly #only = new Semaphore(1);
  readonly #endsAtFailure: boolean;
  #failure: { readonly error: unknown } | undefined;

  /** `endsAtFailure`: whether after a piece of work that fails none begins any more, and each one throws that failure. */
  constructor({ endsAtFailure = false }: { readonly endsAtFailure?: boolean } = {}) {
    this.#endsAtFailure = endsAtFailure;
  }

  /** Does the work when all that was brought before is over, however that ended; begins at once where nothing goes on. */
  async take<T>(work: () => T | Promise<T>): Promise<T> {
    using _turn = this.#only.tryTake() ?? await this.#only.take();
    if (this.#failure) throw this.#failure.error;
    try {
      return await work();
    } catch (error) {
      if (this.#endsAtFailure) this.#failure = { error };
      throw error;
    }
  }
}
