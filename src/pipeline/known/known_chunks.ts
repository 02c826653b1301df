/** Which chunks the repository holds, in memory and on disk. */
import type { IdTable, IdTableView } from "../../base/id_table.ts";
import { isSurelyStored, type SortedIdsView, type StoredIds } from "../../store/sorted/sorted_ids.ts";

/** The known chunks, for this thread. */
export interface KnownChunks {
  /** Those in memory. Whoever stores a chunk adds it. */
  readonly dataBlobs: IdTable;
  /** Those on disk, if there are any. */
  readonly stored?: StoredIds | undefined;
}

/** The known chunks, for other threads. */
export interface KnownChunksView {
  readonly table: IdTableView;
  readonly stored: SortedIdsView | null;
}

/** Whether the chunk is surely known whose id lies in `ids` from `offset` on. */
export function isKnownChunk({ dataBlobs, stored }: KnownChunks, ids: Uint8Array, offset = 0): boolean {
  return dataBlobs.find(ids, offset) >= 0 || isSurelyStored(stored, ids, offset);
}
