/** Loads the ids of all blobs, from the index on disk where there is one, and the rest from index files. */
import type { IndexId } from "../../../base/id.ts";
import type { SealedFiles } from "../../sealed_files.ts";
import { ExistenceIndex, NamedIndex } from "../blob_index.ts";
import type { BlobPlace } from "../place_list.ts";
import { type IndexRow, indexRows, loadIndexInto, type UnreadableIndex } from "../index_files.ts";
import type { BuildTools } from "./build_table.ts";
import { DiskExistence } from "./disk_existence.ts";
import { dropSorted, openSorted, openSortedUnlessLong, type SortedPlace } from "./open_sorted.ts";
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
  /** Called with what was read while the lock is not confirmed yet; it may turn out not to count. */
  readonly onAhead?: ((index: ExistenceIndex) => void) | undefined;
}

/** An index that must be closed. */
export interface LoadedExistence extends AsyncDisposable {
  readonly index: ExistenceIndex;
}

/** What is known without the index on disk, which must be made first. That takes long. */
export interface EarlyExistence extends AsyncDisposable {
  readonly index?: undefined;
  /** The places of all trees and of the named data blobs. */
  readonly named: NamedIndex;
}

/**
 * Loads the index before the lock is confirmed. What was read then counts if none of its files has vanished once the lock
 * holds, those included that the index on disk covers: whoever removes packs removes the index files that list them,
 * too. Otherwise, and if a file could not be read, all is loaded again. Files that came meanwhile may be missing, as if
 * they had come later. Throws what `confirmed` throws, `IntegrityError` for a damaged index file unless `onUnreadable`
 * is given, and what the store throws.
 */
export function loadExistenceAhead(confirmed: Promise<unknown>, tools: ExistenceTools): Promise<LoadedExistence> {
  return loadAhead(confirmed, tools, (loading) => loading.load(tools.place));
}

/** The same, but does not wait for an index on disk of which most must be made first. Throws the same. */
export function loadExistenceUnlessLong(
  confirmed: Promise<unknown>,
  tools: ExistenceTools,
): Promise<LoadedExistence | EarlyExistence> {
  return loadAhead(confirmed, tools, (loading) => loading.loadUnlessLong());
}

/** Loads the whole index under a lock that holds. Throws what `loadExistenceAhead` throws. */
export function loadExistence(tools: ExistenceTools): Promise<LoadedExistence> {
  return new ExistenceLoading(tools, tools, () => {}).load(tools.place);
}

async function loadAhead<Loaded extends LoadedExistence | EarlyExistence>(
  confirmed: Promise<unknown>,
  tools: ExistenceTools,
  load: (loading: ExistenceLoading) => Promise<Loaded>,
): Promise<Loaded> {
  let read: readonly IndexId[] = [];
  const refusal = new AbortController();
  const signal = AbortSignal.any([tools.signal, refusal.signal]);
  const silent = { ...tools, signal, onUnreadable: undefined };
  const loading = load(new ExistenceLoading(silent, tools, (ids) => read = ids)).catch(() => undefined);
  let isSettled = false;
  void loading.then((ahead) => {
    if (ahead?.index !== undefined && !isSettled) tools.onAhead?.(ahead.index);
  });
  try {
    await confirmed.finally(() => isSettled = true);
  } catch (error) {
    // Nobody waits for an index that may take a minute to make, only to hear that the repository is locked.
    refusal.abort(error);
    await (await loading)?.[Symbol.asyncDispose]();
    throw error;
  }
  const ahead = await loading;
  if (ahead !== undefined && await areListed(read, tools, ahead)) return ahead;
  await ahead?.[Symbol.asyncDispose]();
  return await load(new ExistenceLoading(tools, tools, () => {}));
}

/** Whether all index files are still there. Closes what was loaded if that cannot be told. */
async function areListed(
  ids: readonly IndexId[],
  { files, signal }: ExistenceTools,
  loaded: AsyncDisposable,
): Promise<boolean> {
  try {
    const there = new Set((await indexRows(files, signal)).map(({ id }) => id));
    return ids.every((id) => there.has(id));
  } catch (error) {
    await loaded[Symbol.asyncDispose]();
    throw error;
  }
}

/** One attempt to load the index. */
class ExistenceLoading {
  readonly #tools: ExistenceTools;
  /** For what is loaded if the open table breaks: the attempt is over then, and so may be its signal. */
  readonly #afterwards: ExistenceTools;
  readonly #onListed: (ids: readonly IndexId[]) => void;

  constructor(tools: ExistenceTools, afterwards: ExistenceTools, onListed: (ids: readonly IndexId[]) => void) {
    this.#tools = tools;
    this.#afterwards = afterwards;
    this.#onListed = onListed;
  }

  /** `place`: where the index on disk lies; undefined if there is none. */
  async load(place: SortedPlace | undefined): Promise<LoadedExistence> {
    const rows = await this.#list();
    const sorted = place && await openSorted(place, rows, this.#tools);
    return await this.#loadWith(sorted, rows, place);
  }

  /** The same with the index on disk of the tools, unless most of that must be made first. */
  async loadUnlessLong(): Promise<LoadedExistence | EarlyExistence> {
    const { files, names, signal, onUnreadable, place } = this.#tools;
    const rows = await this.#list();
    const sorted = place && await openSortedUnlessLong(place, rows, this.#tools);
    if (sorted !== "later") return await this.#loadWith(sorted, rows, place);
    const named = await loadIndexInto(() => new NamedIndex(names), files, { signal, onUnreadable, rows });
    return { named, [Symbol.asyncDispose]: () => Promise.resolve() };
  }

  /** The index files, which `onListed` hears of, too. */
  async #list(): Promise<IndexRow[]> {
    const { files, signal } = this.#tools;
    const rows = await indexRows(files, signal);
    this.#onListed(rows.map(({ id }) => id));
    return rows;
  }

  /** Loads what the open table does not cover, or everything if there is none. */
  async #loadWith(
    sorted: SortedIndex | undefined,
    rows: readonly IndexRow[],
    place: SortedPlace | undefined,
  ): Promise<LoadedExistence> {
    const { names } = this.#tools;
    if (sorted === undefined) return await this.#loaded(rows, () => new ExistenceIndex(new NamedIndex(names)));
    try {
      const places = names.map((name) => sorted.locate(name));
      const missing = rows.filter(({ id }) => !sorted.covered.has(id));
      return await this.#loaded(missing, () => this.#beginning(sorted, places), () => closed(sorted, place!));
    } catch (error) {
      const isDamaged = sorted.isDamaged;
      await closed(sorted, place!);
      if (!isDamaged) throw error;
      return await this.load(undefined);
    }
  }

  async #loaded(
    rows: readonly IndexRow[],
    make: () => ExistenceIndex,
    close: () => Promise<void> = () => Promise.resolve(),
  ): Promise<LoadedExistence> {
    const { files, signal, onUnreadable } = this.#tools;
    const index = await loadIndexInto(make, files, { signal, onUnreadable, rows });
    return { index, [Symbol.asyncDispose]: close };
  }

  /** An index with all that the index on disk knows. */
  #beginning(sorted: SortedIndex, places: readonly (BlobPlace | undefined)[]): ExistenceIndex {
    const { names } = this.#tools;
    const { files, signal, onUnreadable, place } = this.#afterwards;
    const index = new DiskExistence(new NamedIndex(names), sorted, {
      loadAll: (make) => loadIndexInto(make, files, { signal, onUnreadable }),
      signal,
      onProblem: place?.cache.onProblem,
    });
    withPacksAndTrees(index, sorted);
    names.forEach((name, i) => {
      const place = places[i];
      if (place !== undefined) index.named.add("data", place, name);
    });
    return index;
  }
}

async function closed(sorted: SortedIndex, place: SortedPlace): Promise<void> {
  sorted[Symbol.dispose]();
  if (sorted.isDamaged) await dropSorted(place);
}
