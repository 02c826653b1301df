/** Loads an index for readers: from the index on disk where there is one, else from all index files. */
import type { IndexId } from "../../../base/id.ts";
import type { Sealer, SealingKeys } from "../../../crypto/seal.ts";
import type { SealedFiles } from "../../sealed_files.ts";
import type { BlobIndex, LoadableIndex } from "../blob_index.ts";
import { indexRows, loadIndexInto, type UnreadableIndex } from "../index_files.ts";
import { beginningOf, DiskIndex } from "./disk_index.ts";
import type { OpenTables } from "./open_tables.ts";

/** What loading takes of a repository. */
interface PlacesSource {
  readonly files: SealedFiles;
  readonly keys: SealingKeys;
  readonly sealer: Sealer;
  readonly openTables?: OpenTables | undefined;
}

/** How places are loaded; as for `loadIndex`. */
interface LoadPlacesOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onUnreadable?: ((unreadable: readonly UnreadableIndex[]) => void) | undefined;
  readonly onListed?: (ids: readonly IndexId[]) => void;
}

/**
 * Loads the places of all blobs that are listed. Without an index on disk, they are loaded into what `make` returns. The
 * table stays open for as long as the repository does. Throws what `loadIndex` throws.
 */
export async function loadPlaces(
  { files, keys, sealer, openTables }: PlacesSource,
  make: () => LoadableIndex & BlobIndex,
  options: LoadPlacesOptions,
): Promise<BlobIndex> {
  const { signal = new AbortController().signal, onListed } = options;
  const rows = await indexRows(files, signal);
  onListed?.(rows.map(({ id }) => id));
  const loading = { signal, onUnreadable: options.onUnreadable };
  const table = await openTables?.open(rows, { files, keys, sealer, signal });
  if (table === undefined) return await loadIndexInto(make, files, { ...loading, rows });
  const missing = rows.filter(({ id }) => !table.covered.has(id));
  const memory = await loadIndexInto(() => beginningOf(table), files, { ...loading, rows: missing });
  return new DiskIndex(table, memory, (make) => loadIndexInto(make, files, loading));
}
