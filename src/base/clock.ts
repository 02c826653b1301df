/** Time as a dependency: what decides by time takes a clock, so that tests can set it. */

/** Tells the time; one real implementation, any number in tests. */
export interface Clock {
  /** The wall-clock time. */
  now(): Date;
  /** Milliseconds that only ever grow, for measuring spans. */
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

/** Clocks of two machines may differ by so much; what lies further in the future proves nothing. */
export const CLOCK_TOLERANCE_MS = 5 * 60_000;

/** Whether a time that some clock told, of a backup mostly, lies in the future beyond what clocks may differ. */
export function isInFuture(toldMs: number, nowMs: number): boolean {
  return toldMs > nowMs + CLOCK_TOLERANCE_MS;
}
