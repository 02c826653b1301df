/**
 * Threads that verify passwords, with limits on waiting calls: a client that guesses passwords must not lock out
 * others.
 */
import { startWorker, Thread } from "../../base/thread.ts";
import { isHere } from "../connection/admission.ts";
import type { PasswordCalls, VerificationRequest } from "./password_calls.ts";
import { Refusal } from "../refusal.ts";

/** The most verifications running or waiting: in total, and for one client on another machine. */
const MOST_OPEN = 32;
const MOST_OPEN_OF_ONE_CLIENT = 4;

/** A few threads, started when the first password arrives. */
export class PasswordThreads {
  readonly #threadCount: number;
  readonly #threads: { readonly thread: Thread<PasswordCalls>; load: number }[] = [];
  readonly #openByClient = new Map<string, number>();
  #open = 0;

  /** `threadCount` is at least 1. */
  constructor(threadCount: number) {
    this.#threadCount = threadCount;
  }

  /**
   * Verifies a password for a client (a name from `clientOf`). Throws `Refusal` with 503 if too many verifications are
   * running or waiting.
   */
  async verify(client: string, request: VerificationRequest): Promise<boolean> {
    const ofClient = this.#openByClient.get(client) ?? 0;
    const mostOfClient = isHere(client) ? MOST_OPEN : MOST_OPEN_OF_ONE_CLIENT;
    if (this.#open >= MOST_OPEN || ofClient >= mostOfClient) {
      throw new Refusal(503, "Too many passwords wait to be verified", { headers: { "retry-after": "1" } });
    }
    this.#open++;
    this.#openByClient.set(client, ofClient + 1);
    try {
      return await this.#call(request);
    } finally {
      this.#open--;
      const left = this.#openByClient.get(client)! - 1;
      if (left === 0) this.#openByClient.delete(client);
      else this.#openByClient.set(client, left);
    }
  }

  /** Stops the threads. */
  close(): void {
    for (const { thread } of this.#threads) thread.terminate();
    this.#threads.length = 0;
  }

  /** Calls the thread with the least work. */
  async #call(request: VerificationRequest): Promise<boolean> {
    while (this.#threads.length < this.#threadCount) {
      this.#threads.push({ thread: new Thread(startWorker("passwords")), load: 0 });
    }
    const chosen = this.#threads.reduce((least, other) => other.load < least.load ? other : least);
    chosen.load++;
    try {
      return await chosen.thread.call("verifyPassword", request);
    } catch (thrown) {
      // A broken thread fails all its calls, so it is replaced at the next password.
      const at = this.#threads.indexOf(chosen);
      if (at >= 0) this.#threads.splice(at, 1);
      chosen.thread.terminate();
      throw thrown;
    } finally {
      chosen.load--;
    }
  }
}
