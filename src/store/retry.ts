/** Retries calls of a store whose failures may pass. */
import { concatBytes, equalBytes, totalLength } from "../base/bytes.ts";
import type { Clock } from "../base/clock.ts";
import { formatDuration } from "../base/text/duration.ts";
import { ExistsError, NotFoundError, StoreError, TemporaryError } from "../base/errors.ts";
import { decodeHexInto } from "../base/hex.ts";
import { ID_BYTES } from "../base/id.ts";
import { IdTable, KEPT_ID_BYTES } from "../base/id_table.ts";
import { ForwardingStore } from "./forwarding.ts";
import { RETRY_POLICY, retryDelay, type RetryPolicy } from "./retry_decision.ts";
import type { BlobStore, ByteRange, FileKind, FileName, GetOptions, ListedFile, StoreCallOptions } from "./store.ts";

/** A failed call that is about to be retried. */
export interface Retry {
  /** Why the call failed. */
  readonly error: StoreError;
  /** How often the call has failed so far, from 1. */
  readonly failures: number;
  /** How long to wait before the next attempt, in milliseconds. */
  readonly delayMs: number;
}

/** What retrying depends on. */
interface RetryOptions {
  readonly clock: Clock;
  /** Returns that many random bytes; they spread the retries of many clients over time. */
  readonly random: (lengthBytes: number) => Uint8Array;
  /** Called before a failed call is retried. */
  readonly onRetry?: (retry: Retry) => void;
  /** `RETRY_POLICY` by default. */
  readonly policy?: RetryPolicy;
}

/**
 * Wraps `inner` so that calls that fail with a `retryable` error are retried, as the policy says. After giving up,
 * throws an error of the same class as the last failure, with that failure as its cause; the message says how often and
 * how long the call was tried. An abort during a wait rejects with the signal's reason.
 *
 * Calls share only one fact: whether the store has ever answered. Giving up resets it, so that the work that is left
 * (removing a lock) does not wait that long again.
 *
 * - `put`: a failed attempt may have stored the file. If a retry finds the file there, it counts as stored if its size
 *   is that of the content, whose digest is its name. (For the config, the bytes are compared.) For a large file, the
 *   size is asked for before it is sent again.
 * - `list`: a retry begins again and skips the rows that were already returned. Memory: some 30 bytes a row.
 */
export function withRetries(inner: BlobStore, options: RetryOptions): BlobStore {
  return new RetryingStore(inner, options);
}

/** From this size on, a round trip to ask first is cheaper than sending again, on all but the fastest networks. */
const ASK_FIRST_BYTES = 1024 * 1024;

class RetryingStore extends ForwardingStore {
  readonly #options: RetryOptions;
  readonly #acquaintance: Acquaintance = { hasAnswered: false };

  constructor(inner: BlobStore, options: RetryOptions) {
    super(inner);
    this.#options = options;
  }

  override create(options?: StoreCallOptions): Promise<void> {
    return this.#attempt(options, () => this.inner.create(options));
  }

  override get(file: FileName, range?: ByteRange, options?: GetOptions): Promise<Uint8Array<ArrayBuffer>> {
    return this.#attempt(options, () => this.inner.get(file, range, options));
  }

  override put(file: FileName, content: readonly Uint8Array[], options?: StoreCallOptions): Promise<void> {
    return this.#attempt(options, (failures) => {
      return failures === 0 ? this.inner.put(file, content, options) : this.#putAgain(file, content, options);
    });
  }

  override size(file: FileName, options?: StoreCallOptions): Promise<number> {
    return this.#attempt(options, () => this.inner.size(file, options));
  }

  override async *list(kind: FileKind, options?: StoreCallOptions): AsyncGenerator<ListedFile> {
    const given = new GivenNames();
    const failures = this.#failures(options);
    for (;;) {
      try {
        for await (const row of this.inner.list(kind, options)) {
          this.#acquaintance.hasAnswered = true;
          if (!given.add(row.name)) continue;
          failures.reset();
          yield row;
        }
        this.#acquaintance.hasAnswered = true;
        return;
      } catch (error) {
        await failures.wait(error);
      }
    }
  }

  override remove(file: FileName, options?: StoreCallOptions): Promise<void> {
    return this.#attempt(options, () => this.inner.remove(file, options));
  }

  /** `call` receives how often it has failed before. */
  async #attempt<T>(options: StoreCallOptions | undefined, call: (failures: number) => Promise<T>): Promise<T> {
    const failures = this.#failures(options);
    for (;;) {
      try {
        const answer = await call(failures.count);
        this.#acquaintance.hasAnswered = true;
        return answer;
      } catch (error) {
        this.#acquaintance.hasAnswered ||= error instanceof NotFoundError || error instanceof ExistsError;
        await failures.wait(error);
      }
    }
  }

  #failures(options: StoreCallOptions | undefined): Failures {
    return new Failures(this.#options, this.#acquaintance, options?.signal);
  }

  async #putAgain(file: FileName, content: readonly Uint8Array[], options?: StoreCallOptions): Promise<void> {
    if (totalLength(content) >= ASK_FIRST_BYTES && await this.#isInPlace(file, content, options)) return;
    try {
      await this.inner.put(file, content, options);
    } catch (error) {
      if (!(error instanceof ExistsError) || !await this.#isInPlace(file, content, options)) throw error;
    }
  }

  /** Whether the store holds the content under the name; false if the store does not say. */
  async #isInPlace(file: FileName, content: readonly Uint8Array[], options?: StoreCallOptions): Promise<boolean> {
    try {
      if (file.kind === "config") {
        return equalBytes(concatBytes(content), await this.inner.get(file, undefined, options));
      }
      return await this.inner.size(file, options) === totalLength(content);
    } catch (error) {
      if (error instanceof StoreError && !error.retryable) return false;
      throw error;
    }
  }
}

/** What all calls of a store know about it. */
interface Acquaintance {
  hasAnswered: boolean;
}

/** The consecutive failures of one call. */
class Failures {
  count = 0;
  #firstMs = 0;
  readonly #options: RetryOptions;
  readonly #acquaintance: Acquaintance;
  readonly #signal: AbortSignal | undefined;

  constructor(options: RetryOptions, acquaintance: Acquaintance, signal: AbortSignal | undefined) {
    this.#options = options;
    this.#acquaintance = acquaintance;
    this.#signal = signal;
  }

  /** Starts counting again, because the call made progress. */
  reset(): void {
    this.count = 0;
  }

  /** Resolves when it is time for the next attempt; throws if there is none. */
  async wait(error: unknown): Promise<void> {
    if (!(error instanceof StoreError) || !error.retryable) throw error;
    const { clock, random, onRetry, policy = RETRY_POLICY } = this.#options;
    const nowMs = clock.monotonicMs();
    if (this.count++ === 0) this.#firstMs = nowMs;
    const failingMs = nowMs - this.#firstMs;
    const call = { error, failures: this.count, failingMs, hasAnswered: this.#acquaintance.hasAnswered };
    const delayMs = retryDelay(call, chance(random), policy);
    if (delayMs === null) {
      this.#acquaintance.hasAnswered = false;
      throw givenUp(error, this.count, failingMs);
    }
    onRetry?.({ error, failures: this.count, delayMs });
    await clock.sleep(delayMs, this.#signal);
  }
}

function chance(random: (lengthBytes: number) => Uint8Array): number {
  const [high, low] = random(2);
  return (high! * 256 + low!) / 65535;
}

function givenUp(error: StoreError, failures: number, failingMs: number): StoreError {
  const span = failures === 1 ? "once" : `${failures} times in ${formatDuration(failingMs)}`;
  const message = `${error.message} (gave up after it was tried ${span})`;
  if (!(error instanceof TemporaryError)) {
    return new StoreError(message, { code: error.code, retryable: true, cause: error });
  }
  return new TemporaryError(message, { retryAfterMs: error.retryAfterMs, cause: error });
}

/**
 * The names that a listing has returned: a table of digests, which takes a quarter of the memory of a set of strings.
 */
class GivenNames {
  readonly #digest = new Uint8Array(ID_BYTES);
  #ids: IdTable | undefined;
  #hasConfig = false;

  /** Adds a name; returns false if it was there before. */
  add(name: string): boolean {
    if (name === "config") return !this.#hasConfig && (this.#hasConfig = true);
    this.#ids ??= new IdTable(KEPT_ID_BYTES);
    const { size } = this.#ids;
    decodeHexInto(name, this.#digest, 0);
    this.#ids.add(this.#digest);
    return this.#ids.size > size;
  }
}
