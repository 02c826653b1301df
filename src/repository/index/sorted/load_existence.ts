/** Loads the ids of all blobs, from the index on disk where there is one, and the rest from index files. */
import type { IndexId } from "../../../base/id.ts";
import type { SealedFiles } from "../../sealed_files.ts";
import { ExistenceIndex } from "../blob_index.ts";
import type { BlobPlace } from "../place_list.ts";
import { type IndexRow, indexRows, loadIndexInto, type UnreadableIndex } from "../index_files.ts";
import type { BuildTools } from "./build_table.ts";
import { dropSorted, openSorted, type SortedPlace } from "./open_sorted.ts";
import { type SortedIndex, withPacksAndTrees } from "./sorted_index.ts";

/** What loading takes. */
export interface ExistenceTools extends BuildTools {
  /** The repository's index files. */
  readonly files: SealedFiles;
  /** Where the index on disk lies; undefined if there is none. */
  readonly place: SortedPlace | undefined;
  /** Ids of data blobs whose places are wanted, 32 bytes each. */
  readonly names: readonly Uint8Array[];
  /** As in `loadIndexInto`. */
  readonly onUnreadable?: ((unreadable: readonly UnreadableIndex[]) => void) | undefined;
}

/** An index that must be closed. */
export interface LoadedExistence extends AsyncDisposable {
  readonly index: ExistenceIndex;
}

/**
 * Loads the index before the lock is confirmed. What was read then counts if none of its files has vanished once the lock
 * holds, those included that the index on disk covers: whoever removes packs removes the index files that list them,
 * too. Otherwise, and if a file could not be read, all is loaded again. Files that came meanwhile may be missing, as if
 * they had come later. Throws what `confirmed` throws, `IntegrityError` for a damaged index file unless `onUnreadable`
 * is given, and what the store throws.
 */
export async function loadExistenceAhead(confirmed: Promise<unknown>, tools: ExistenceTools): Promise<LoadedExistence> {
  let read: readonly IndexId[] = [];
  const { onUnreadable: _, ...silent } = tools;
  const refusal = new AbortController();
  const signal = AbortSignal.any([tools.signal, refusal.signal]);
  const loading = loadExistence({ ...silent, signal }, (ids) => read = ids).catch(() => undefined);
  try {
    await confirmed;
  } catch (error) {
    // Nobody waits for an index that may take a minute to make, only to hear that the repository is locked.
    refusal.abort(error);
    await (await loading)?.[Symbol.asyncDispose]();
    throw error;
  }
  const ahead = await loading;
  if (ahead !== undefined && await areListed(read, tools, ahead)) return ahead;
  await ahead?.[Symbol.asyncDispose]();
  return await loadExistence(tools, () => {});
}

/** Whether all index files are still there. Closes what was loaded if that cannot be told. */
async function areListed(
  ids: readonly IndexId[],
  { files, signal }: ExistenceTools,
  loaded: LoadedExistence,
): Promise<boolean> {
  try {
    const there = new Set((await indexRows(files, signal)).map(({ id }) => id));
    return ids.every((id) => there.has(id));
  } catch (error) {
    await loaded[Symbol.asyncDispose]();
    throw error;
  }
}

async function loadExistence(
  tools: ExistenceTools,
  onListed: (ids: readonly IndexId[]) => void,
): Promise<LoadedExistence> {
  const { files, names, place, signal } = tools;
  const rows = await indexRows(files, signal);
  onListed(rows.map(({ id }) => id));
  const sorted = place && await openSorted(place, rows, tools);
  if (sorted === undefined) return await loaded(tools, rows, () => new ExistenceIndex(names));
  try {
    const places = names.map((name) => sorted.locate(name));
    const missing = rows.filter(({ id }) => !sorted.covered.has(id));
    return await loaded(tools, missing, () => beginning(sorted, names, places), () => closed(sorted, place!));
  } catch (error) {
    const isDamaged = sorted.isDamaged;
    await closed(sorted, place!);
    if (!isDamaged) throw error;
    return await loadExistence({ ...tools, place: undefined }, onListed);
  }
}

async function loaded(
  { files, signal, onUnreadable }: ExistenceTools,
  rows: readonly IndexRow[],
  make: () => ExistenceIndex,
  close: () => Promise<void> = () => Promise.resolve(),
): Promise<LoadedExistence> {
  const index = await loadIndexInto(make, files, { signal, onUnreadable, rows });
  return { index, [Symbol.asyncDispose]: close };
}

/** An index with all that the index on disk knows. */
function beginning(
  sorted: SortedIndex,
  names: readonly Uint8Array[],
  places: readonly (BlobPlace | undefined)[],
): ExistenceIndex {
  const index = withPacksAndTrees(new ExistenceIndex(names, sorted), sorted);
  names.forEach((name, i) => {
    const place = places[i];
    if (place !== undefined) index.named.add("data", place, name);
  });
  return index;
}

async function closed(sorted: SortedIndex, place: SortedPlace): Promise<void> {
  sorted[Symbol.dispose]();
  if (sorted.isDamaged) await dropSorted(place);
}
