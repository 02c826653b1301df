/** One shared lock for any number of readings at a time, which is there only while there are some. */
import type { OpenedRepository, TakenLock } from "../access.ts";

/** What a counted lock needs. */
interface CountedLockOptions {
  /** Ends the waiting for the lock. */
  readonly signal: AbortSignal;
  /** Called each time the lock is known to hold, before anything is read under it. */
  readonly onHeld: () => Promise<void>;
}

/** Counts those who read. The first one takes the lock, the last one removes it. */
export class CountedLock {
  readonly #repository: OpenedRepository;
  readonly #options: CountedLockOptions;
  #users = 0;
  #held: Promise<TakenLock> | undefined;

  /** Nothing is locked yet. */
  constructor(repository: OpenedRepository, options: CountedLockOptions) {
    this.#repository = repository;
    this.#options = options;
  }

  /** Runs work under the lock. Throws what taking the lock, `onHeld` and the work throw. */
  async hold<T>(work: () => Promise<T>): Promise<T> {
    this.#users++;
    try {
      await this.#confirm();
      return await work();
    } finally {
      if (--this.#users === 0) await this.#release();
    }
  }

  /** Makes sure that the lock is held. One that was lost, as in standby, is replaced. */
  async #confirm({ isSecond = false } = {}): Promise<void> {
    this.#held ??= this.#take();
    const held = this.#held;
    try {
      (await (await held).confirmed).lock.assertHeld();
    } catch (error) {
      // Whoever comes next takes another one.
      if (this.#held === held) this.#held = undefined;
      const lost = await held.catch(() => undefined);
      await lost?.[Symbol.asyncDispose]();
      if (lost === undefined || isSecond) throw error;
      await this.#confirm({ isSecond: true });
    }
  }

  async #take(): Promise<TakenLock> {
    const { signal, onHeld } = this.#options;
    const lock = await this.#repository.lock({ exclusive: false, canDoWithout: true, signal });
    try {
      await lock.confirmed;
      await onHeld();
      return lock;
    } catch (error) {
      await lock[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #release(): Promise<void> {
    const held = this.#held;
    this.#held = undefined;
    const lock = await held?.catch(() => undefined);
    await lock?.[Symbol.asyncDispose]();
  }
}
