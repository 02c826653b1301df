/** Whether a repository in folders is there as a whole, for what would take a missing part for an empty one. */
import { StoreError } from "../base/errors.ts";
import { folderOfKind } from "../store/layout.ts";
import type { FileKind, StoreReader } from "../store/store.ts";

/** Throws `StoreError` where the store has folders and one for these kinds of files is not there. */
export async function refuseMissingFolders(
  store: StoreReader,
  kinds: readonly FileKind[],
  signal?: AbortSignal,
): Promise<void> {
  const missing = await store.missingFolders?.({ signal }) ?? [];
  const [first] = kinds.filter((kind) => missing.includes(kind));
  if (first === undefined) return;
  throw new StoreError(
    `${store.location} has no folder "${folderOfKind(first)}", as every repository has: nothing was changed; ` +
      "mount or copy the repository as a whole, or make the folder if there really was nothing in it",
  );
}
