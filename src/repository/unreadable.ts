/** One file that the store does not give, told from a store that gives nothing: a disk may have a single bad sector. */
import { StoreError } from "../base/errors.ts";
import { CONFIG_FILE, type StoreReader } from "../store/store.ts";

/**
 * Why a single file cannot be read, to be called with what reading it threw. Throws that again where it is no failure of
 * the store, and what the store throws where it does not answer at all any more.
 */
export async function failureOfFile(
  store: StoreReader,
  thrown: unknown,
  signal: AbortSignal | undefined,
): Promise<StoreError> {
  if (!(thrown instanceof StoreError)) throw thrown;
  // Every repository has it, so a store that answers can tell its size.
  await store.size(CONFIG_FILE, { signal });
  return thrown;
}
