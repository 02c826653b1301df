/** Work that is given up after a while. */
import type { Clock } from "./clock.ts";

/**
 * Does `work` and throws `late` where it takes longer than `ms`: its signal is aborted with that then, and what does not
 * heed the signal is not waited for. Throws what `work` throws.
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
  try {
    return await Promise.race([work(giveUp.signal), tooLate]);
  } finally {
    over.abort();
  }
}
