/** Tells a single unreadable or missing file from a store that is not there: a disk may have one bad sector. */
import { NotFoundError, StoreError, TemporaryError } from "../base/errors.ts";
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

/**
 * Throws `TemporaryError` if the store does not hold the repository at all, as where a disk is not mounted: what it does
 * not list then may well exist. Throws what the store throws.
 */
export async function requireWholeStore(store: StoreReader, signal: AbortSignal | undefined): Promise<void> {
  try {
    await store.size(CONFIG_FILE, { signal });
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
    throw new TemporaryError(`There is no repository in ${store.location} any more: mount or bring back its store`, {
      cause: error,
    });
  }
}
