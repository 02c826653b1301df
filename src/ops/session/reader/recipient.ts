/** A session as one of those that the items of a source go into. It may fail while the others go on. */
import type { HeadStart } from "../head_start.ts";
import type { Session } from "../session.ts";

/** Work that a session does for an item. */
type SessionWork<T> = (session: Session) => T | Promise<T>;

/** What a recipient needs of the reader of the items. */
interface ReaderOfItems {
  /** Resolves when no more items come. Never rejects. */
  readonly ended: () => Promise<unknown>;
  /** Called at the failure of the recipient, once. */
  readonly onFailure: (error: unknown) => void;
}

/** Receives the items that an `ItemReader` reads. */
export class Recipient {
  readonly #reader: ReaderOfItems;
  readonly #session = Promise.withResolvers<Session>();
  readonly #headStart = Promise.withResolvers<HeadStart | undefined>();
  readonly #stop = new AbortController();
  readonly #working = new Set<Promise<unknown>>();
  #failure: { readonly error: unknown } | undefined;

  /** Made by `ItemReader`. */
  constructor(reader: ReaderOfItems) {
    this.#reader = reader;
    this.#session.promise.catch(() => {});
  }

  /** Why it receives nothing more; undefined as long as it does. */
  get failure(): { readonly error: unknown } | undefined {
    return this.#failure;
  }

  /** What seals streams before there is a session; undefined once there is one, or none will come. Never rejects. */
  get headStart(): Promise<HeadStart | undefined> {
    return this.#headStart.promise;
  }

  /** Lets the sealing of streams begin before there is a session. */
  begin(headStart: HeadStart): void {
    this.#headStart.resolve(headStart);
  }

  /** Aborted with the reason when it fails or everything ends. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /**
   * Stores all items in its session. Resolves when every item was stored and judged, in every session that has not
   * failed; throws the failure of this one as soon as nothing uses its session any more.
   */
  async storeAll(session: Session): Promise<void> {
    this.#session.resolve(session);
    this.#headStart.resolve(undefined);
    const { signal } = this.#stop;
    const stopped = new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    if (!signal.aborted) await Promise.race([this.#reader.ended(), stopped]);
    await this.settle();
  }

  /** Waits until nothing uses the session. Throws the failure. */
  async settle(): Promise<void> {
    await Promise.allSettled(this.#working);
    if (this.#failure) throw this.#failure.error;
  }

  /**
   * Does work in the session as soon as there is one, and returns what came of it; does nothing and returns undefined if
   * the recipient has failed. Throws what the work throws. Work begins in the order of the calls.
   */
  async work<T>(work: SessionWork<T>): Promise<T | undefined> {
    if (this.#failure) return undefined;
    const working = this.#session.promise.then(work);
    this.#working.add(working);
    try {
      return await working.finally(() => this.#working.delete(working));
    } catch (error) {
      // Work that a failure ended has nothing to add to it.
      if (!this.#failure) throw error;
      return undefined;
    }
  }

  /** Runs what brings its session to the commit. If it throws, the recipient fails at once, before anything is tidied up. */
  async finishing<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      this.fail(error);
      throw error;
    }
  }

  /** Gives up; the first reason counts. Nothing holds up the other recipients for this one any more. */
  fail(error: unknown): void {
    if (this.#failure) return;
    this.#failure = { error };
    this.#session.reject(error);
    this.#headStart.resolve(undefined);
    this.#stop.abort(error);
    this.#reader.onFailure(error);
  }
}
