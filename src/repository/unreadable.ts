/** Tells a single unreadable file from a store that does not answer: a disk may have one bad sector. */
import { StoreError } from "../base/errors.ts";
import { CONFIG_FILE, type StoreReader } from "../store/store.ts";

/**
 * Why a single file cannot be read; `thrown` is what reading it threw. Rethrows it if it is not a failure of the store,
 * and throws what the store throws if the store no longer answers at all.
 */
export async function failureOfFile(
  store: StoreReader,
  thrown: unknown,
  signal: AbortSignal | undefined,
): Promise<StoreError> {
  if (!(thrown instanceof StoreError)) throw thrown;
  // Every repository has a config, so a store that answers can return its size.
  await store.size(CONFIG_FILE, { signal });
  return thrown;
}
