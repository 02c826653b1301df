/** A time limit for work. */
import type { Clock } from "./clock.ts";

/**
 * Runs `work` and throws `late` if it takes longer than `ms`. The signal given to `work` is then aborted with `late`;
 * work that ignores the signal is not waited for. Throws what `work` throws.
 */
export async function withinTime<T>(
  { clock, ms, late }: { readonly clock: Clock; readonly ms: number; readonly late: Error },
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const giveUp = new AbortController();
  const over = new AbortController();
  const tooLate = clock.sleep(ms, over.signal).then(() => {
    giveUp.abort(late);
    throw late;
  });
  tooLate.catch(() => {}); // Work that throws before it returns leaves nobody to hear of it.
  try {
    return await Promise.race([work(giveUp.signal), tooLate]);
  } finally {
    over.abort();
  }
}
