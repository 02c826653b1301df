/** Time as a dependency: code that depends on the time takes a clock, so that tests can set it. */

/** Tells the time. One implementation is real; tests bring their own. */
export interface Clock {
  /** The wall-clock time. */
  now(): Date;
  /** Milliseconds that never decrease, for measuring spans. */
  monotonicMs(): number;
  /** Resolves after `ms` milliseconds; rejects with the signal's reason as soon as it is aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => new Date(),
  monotonicMs: () => performance.now(),
  sleep(ms, signal) {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const onAbort = () => {
        clearTimeout(timer);
        reject(signal!.reason);
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener("abort", onAbort);
        resolve();
      }, ms);
      signal?.addEventListener("abort", onAbort, { once: true });
    });
  },
};

/** How far the clocks of two machines may differ. A time further in the future than this proves nothing. */
export const CLOCK_TOLERANCE_MS = 5 * 60_000;

/** Whether a recorded time, usually that of a backup, is further in the future than clocks may differ. */
export function isInFuture(toldMs: number, nowMs: number): boolean {
  return toldMs > nowMs + CLOCK_TOLERANCE_MS;
}
