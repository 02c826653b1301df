/** What becomes of work whose signal is aborted. */
import { InterruptedError } from "./errors.ts";

/** What is thrown in the place of `error`: where it only hands on why the signal was aborted, an `InterruptedError`. */
export function withoutAbortReason(error: unknown, signal: AbortSignal): unknown {
  return signal.aborted && error === signal.reason ? interruption(signal) : error;
}

/** The reason of an aborted signal, as an error of this project. */
export function interruption(signal: AbortSignal): InterruptedError {
  return signal.reason instanceof InterruptedError ? signal.reason : new InterruptedError();
}

/** Runs `work`; where it fails because the signal stopped it, an `InterruptedError` is thrown. */
export async function interruptible<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  try {
    signal.throwIfAborted();
    return await work();
  } catch (error) {
    throw withoutAbortReason(error, signal);
  }
}

/** Calls `action` when the signal is aborted, at once where it is already, unless the result is disposed of before. */
export function onAbort(signal: AbortSignal, action: () => void): Disposable {
  if (signal.aborted) action();
  signal.addEventListener("abort", action, { once: true });
  return { [Symbol.dispose]: () => signal.removeEventListener("abort", action) };
}

/** The promise, or the signal's reason where that comes first: for what others wait for, too, and what goes on for them. */
export async function unlessAborted<T>(signal: AbortSignal, shared: Promise<T>): Promise<T> {
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
