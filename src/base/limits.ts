/** Limits on concurrent work: up to an amount, or one piece at a time. Callers above the limit wait in line. */
import { invariant } from "./errors.ts";

/** What a `Semaphore` lent. It counts as taken until it is released; a second release does nothing. */
export interface Permit extends Disposable {
  /** Gives the amount back. */
  release(): void;
}

/** Options of `Semaphore.take`. */
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

/**
 * Lends up to a limit of whatever it counts, such as pieces of work or bytes. Callers are served strictly in order of
 * arrival.
 */
export class Semaphore {
  readonly #limit: number;
  readonly #admitsLarger: boolean;
  #taken = 0;
  /** The longest waiting first. */
  readonly #waiting = new Set<Waiter>();

  /** `admitsLarger`: whether a caller may take more than `limit`; it then waits until nothing else is taken. */
  constructor(limit: number, { admitsLarger = false }: { readonly admitsLarger?: boolean } = {}) {
    this.#limit = limit;
    this.#admitsLarger = admitsLarger;
  }

  /** How many callers wait. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Takes the amount if that needs no waiting; returns undefined otherwise. */
  tryTake(amount = 1): Permit | undefined {
    return this.#waiting.size === 0 && this.#fits(amount) ? this.#lend(amount) : undefined;
  }

  /**
   * Takes the amount, after waiting until it fits and all earlier callers were served. Rejects with the signal's reason
   * once that is aborted, and with `BugError` for an amount that can never fit.
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
      // The waiter that left may have been too large for the room left, and may have blocked smaller ones behind it.
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

/** Runs pieces of work one after the other, in the order in which they were submitted. */
export class Turn {
  readonly #only = new Semaphore(1);
  readonly #endsAtFailure: boolean;
  #failure: { readonly error: unknown } | undefined;

  /**
   * `endsAtFailure`: whether the first failure ends the turn: no more work begins, and every later call throws that
   * failure.
   */
  constructor({ endsAtFailure = false }: { readonly endsAtFailure?: boolean } = {}) {
    this.#endsAtFailure = endsAtFailure;
  }

  /** Runs the work once all earlier work is over, failed or not; at once if none is running. */
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
