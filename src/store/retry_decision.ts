/** Decides whether and when a failed call is retried. Pure: values in, a decision out. */
import type { StoreError, TemporaryError } from "../base/errors.ts";

/** How patient a store is with failures. All in milliseconds. */
export interface RetryPolicy {
  /**
   * The longest wait before the first retry. It is short, because most broken connections can be made again at once.
   */
  readonly quickMs: number;
  /** The longest wait before the second retry; from then on it doubles. */
  readonly backOffMs: number;
  /** The limit of the doubling. */
  readonly longestMs: number;
  /** How long one call may keep failing. */
  readonly giveUpMs: number;
  /** The same while the store has never answered: a wrong address or a server that is down should be reported soon. */
  readonly giveUpAtStartMs: number;
}

/** Long enough to survive the restart of a server, its machine or a router on the way. */
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
  /** How often it has failed in a row, from 1. */
  readonly failures: number;
  /** How long ago its first failure was, in milliseconds. */
  readonly failingMs: number;
  /** Whether any call of this store has been answered so far. */
  readonly hasAnswered: boolean;
}

/**
 * How many milliseconds to wait before the next attempt, or null to give up.
 *
 * Algorithm: exponential back-off with equal jitter. `chance`, from 0 to 1, picks a wait from the upper half of the
 * current step, so that clients that failed together do not return together. If the server asked for a wait
 * (`Retry-After`), the wait is at least that long, plus jitter, and the server counts as having answered; if it is
 * longer than the time left, the call gives up. The last attempt comes exactly when the time is over.
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
