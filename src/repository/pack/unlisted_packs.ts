/** Packs that a listing left out: one answer may be wrong, and a pack that counts as lost may hold the only whole copy. */
import { mapConcurrently } from "../../base/concurrency.ts";
import { NotFoundError } from "../../base/errors.ts";
import type { ListedFile, StoreReader } from "../../store/store.ts";

/** Those of the named packs that are there all the same. Throws what the store throws. */
export async function findUnlisted(
  store: StoreReader,
  names: readonly string[],
  signal: AbortSignal,
): Promise<ListedFile[]> {
  const found: ListedFile[] = [];
  await mapConcurrently(names, store.connections, async (name) => {
    try {
      found.push({ name, size: await store.size({ kind: "pack", name }, { signal }) });
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error;
    }
  });
  return found;
}
