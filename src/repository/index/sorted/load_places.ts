/** Loads an index for readers: from the index on disk where there is one, else from all index files. */
import type { IndexId } from "../../../base/id.ts";
import type { Sealer, SealingKeys } from "../../../crypto/seal.ts";
import type { Spill } from "../../../store/spill/spill.ts";
import type { SealedFiles } from "../../sealed_files.ts";
import { type BlobIndex, type LoadableIndex, PlacedIndex } from "../blob_index.ts";
import { indexRows, loadIndex, loadIndexInto, totalBytes, type UnreadableIndex } from "../index_files.ts";
import { DiskIndex } from "./disk_index.ts";
import { withPacksAndTrees } from "./sorted_index.ts";
import type { SortedTables } from "./sorted_tables.ts";

/** What loading takes of a repository. */
interface PlacesSource {
  readonly files: SealedFiles;
  readonly keys: SealingKeys;
  readonly sealer: Sealer;
  readonly sortedTables?: SortedTables | undefined;
}

/** How places are loaded; as for `loadIndex`. */
interface LoadPlacesOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onUnreadable?: ((unreadable: readonly UnreadableIndex[]) => void) | undefined;
  readonly onListed?: (ids: readonly IndexId[]) => void;
  /** Makes what they are loaded into if there is no index on disk; by default an index of all blobs. */
  readonly make?: () => LoadableIndex & BlobIndex;
  /** Where such an index of all blobs keeps what exceeds memory; look-ups then throw what `SpillFile.read` throws. */
  readonly spill?: Spill | undefined;
}

/**
 * Loads the places of all blobs that are listed. A table stays open for as long as the repository does. Throws what
 * `loadIndex` throws.
 */
export async function loadPlaces(
  { files, keys, sealer, sortedTables }: PlacesSource,
  options: LoadPlacesOptions,
): Promise<BlobIndex> {
  const { signal = new AbortController().signal, onListed, spill, make } = options;
  const rows = await indexRows(files, signal);
  onListed?.(rows.map(({ id }) => id));
  const loading = { signal, onUnreadable: options.onUnreadable };
  const table = await sortedTables?.open(rows, { files, keys, sealer, signal });
  if (table === undefined) {
    await spill?.prepare(totalBytes(rows));
    const all = { ...loading, rows };
    return await (make === undefined ? loadIndex(files, all, spill) : loadIndexInto(make, files, all));
  }
  const missing = rows.filter(({ id }) => !table.covered.has(id));
  const memory = await loadIndexInto(() => withPacksAndTrees(new PlacedIndex(), table), files, {
    ...loading,
    rows: missing,
  });
  return new DiskIndex(table, memory, (make) => loadIndexInto(make, files, loading));
}
