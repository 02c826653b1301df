/** Aborted work: how the reason of a signal becomes an `InterruptedError`. */
import { InterruptedError } from "./errors.ts";

/**
 * The error to throw for `error`: an `InterruptedError` if `error` is only the signal's abort reason, else `error`
 * itself.
 */
export function withoutAbortReason(error: unknown, signal: AbortSignal): unknown {
  return signal.aborted && error === signal.reason ? interruption(signal) : error;
}

/** The reason of an aborted signal as an `InterruptedError`. */
export function interruption(signal: AbortSignal): InterruptedError {
  return signal.reason instanceof InterruptedError ? signal.reason : new InterruptedError();
}

/** Runs `work`. Throws `InterruptedError` if it fails because the signal was aborted. */
export async function interruptible<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  try {
    signal.throwIfAborted();
    return await work();
  } catch (error) {
    throw withoutAbortReason(error, signal);
  }
}

/** Calls `action` when the signal is aborted, or at once if it already is. Disposing the result cancels this. */
export function onAbort(signal: AbortSignal, action: () => void): Disposable {
  if (signal.aborted) action();
  signal.addEventListener("abort", action, { once: true });
  return { [Symbol.dispose]: () => signal.removeEventListener("abort", action) };
}

/** Waits for `shared`, but rejects with the signal's reason if that comes first. The shared work itself goes on. */
export async function unlessAborted<T>(signal: AbortSignal, shared: Promise<T>): Promise<T> {
  shared.catch(() => {}); // Nobody may be left to hear of its failure.
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([shared, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
