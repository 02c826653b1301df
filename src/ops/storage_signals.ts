/** What signals do to the calls of the storage interface. */
import { withoutAbortReason } from "./access.ts";

/** Runs `work`; where it fails because the signal stopped it, an `InterruptedError` is thrown. */
export async function interruptible<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  try {
    signal.throwIfAborted();
    return await work();
  } catch (error) {
    throw withoutAbortReason(error, signal);
  }
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
