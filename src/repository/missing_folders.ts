/** Checks that no folder of a repository is missing, for work that would take a missing folder for an empty one. */
import { StoreError } from "../base/errors.ts";
import { folderOfKind } from "../store/layout.ts";
import type { FileKind, StoreReader } from "../store/store.ts";

/** Throws `StoreError` if the store has folders and one for these kinds of files is missing. */
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
