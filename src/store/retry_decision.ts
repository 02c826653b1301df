/** Whether and when a failed call is made again: values in, a decision out. */
import type { StoreError, TemporaryError } from "../base/errors.ts";

/** How patient a store is with failures. All in milliseconds. */
export interface RetryPolicy {
  /** The most that is waited before the first repetition: most connections that break are made again at once. */
  readonly quickMs: number;
  /** The most that is waited before the second; from there on it doubles. */
  readonly backOffMs: number;
  /** Where the doubling ends. */
  readonly longestMs: number;
  /** How long one call may go on failing. */
  readonly giveUpMs: number;
  /** The same as long as the store never answered anything: a wrong address or a server that is down is told soon. */
  readonly giveUpAtStartMs: number;
}

/** Outlasts the restart of a server, its machine or a router on the way. */
export const RETRY_POLICY: RetryPolicy = {
  quickMs: 200,
  backOffMs: 1000,
  longestMs: 60_000,
  giveUpMs: 15 * 60_000,
  giveUpAtStartMs: 15_000,
};

/** A call that failed. */
export interface FailedCall {
  readonly error: StoreError;
  /** How many times in a row it failed, from 1. */
  readonly failures: number;
  /** How long ago its first failure was, in milliseconds. */
  readonly failingMs: number;
  /** Whether any call of this store was answered so far. */
  readonly hasAnswered: boolean;
}

/**
 * How long to wait before the call is made again, in milliseconds, or null to give up.
 *
 * Exponential back-off with equal jitter: `chance` from 0 to 1 picks a span from the upper half of the present step, so
 * that many clients that failed together do not come back together. What the server asked for (`Retry-After`) is the
 * least wait, jitter on top, and shows that somebody is there; where it is longer than the time that is left, waiting for
 * it is of no use. The last repetition comes just when the time is over.
 */
export function retryDelay(call: FailedCall, chance: number, policy: RetryPolicy = RETRY_POLICY): number | null {
  const { error, failures, failingMs, hasAnswered } = call;
  if (!error.retryable) return null;
  const { retryAfterMs } = error as Partial<TemporaryError>;
  const isThere = hasAnswered || retryAfterMs !== undefined;
  const leftMs = (isThere ? policy.giveUpMs : policy.giveUpAtStartMs) - failingMs;
  const askedMs = retryAfterMs ?? 0;
  if (leftMs <= 0 || askedMs > leftMs) return null;
  const stepMs = failures === 1 ? policy.quickMs : Math.min(policy.backOffMs * 2 ** (failures - 2), policy.longestMs);
  const jitteredMs = stepMs * (1 + chance) / 2;
  return Math.min(askedMs > 0 ? askedMs + jitteredMs : jitteredMs, leftMs);
}
