/** Index files: gone through one after the other, and read into an index in memory. */
import { asId, type IndexId, shortId } from "../../base/id.ts";
import { type AgentError, DeniedError, IntegrityError, NotFoundError, TemporaryError } from "../../base/errors.ts";
import { freeBuffer } from "../../base/bytes.ts";
import { mapConcurrently } from "../../base/concurrency.ts";
import { decodeIndex } from "../../format/index/index_file.ts";
import { type LoadableIndex, PlacedIndex } from "./blob_index.ts";
import type { SealedFiles } from "../sealed_files.ts";
import { failureOfFile } from "../unreadable.ts";

const FILES_AT_ONCE = 4;

/** How `forEachIndexFile` goes through the index files. */
interface IndexFileWalk<Loaded> {
  readonly signal: AbortSignal;
  /** Loads a file; a few are loaded at a time, and what one throws ends the walk. */
  readonly load: (id: IndexId) => Promise<Loaded>;
  /** Takes what was loaded, file after file in the order of their names. */
  readonly take: (id: IndexId, loaded: Loaded) => void;
  /** Called with how many of how many files are taken: none, first. */
  readonly onProgress: (done: number, total: number) => void;
}

/** Goes through all index files. Throws what `load` and `take` throw, and what the store throws at listing them. */
export async function forEachIndexFile<Loaded>(files: SealedFiles, walk: IndexFileWalk<Loaded>): Promise<void> {
  const { signal, load, take, onProgress } = walk;
  const rows = await indexRows(files, signal);
  onProgress(0, rows.length);
  for (let start = 0; start < rows.length;) {
    const batch = nextBatch(rows, start);
    const loaded = await mapConcurrently(batch, FILES_AT_ONCE, ({ id }) => load(id));
    batch.forEach(({ id }, i) => take(id, loaded[i]!));
    onProgress(start += batch.length, rows.length);
  }
}

/** The files from `start` on that may be in memory together: a few, or a single large one. */
function nextBatch<Row extends { readonly size: number }>(rows: readonly Row[], start: number): readonly Row[] {
  let end = start + 1;
  let bytes = rows[start]!.size;
  while (end < Math.min(start + FILES_AT_ONCE, rows.length) && bytes + rows[end]!.size <= LARGE_FILE_BYTES) {
    bytes += rows[end++]!.size;
  }
  return rows.slice(start, end);
}

/** The names of all index files, sorted: the order of a listing is the store's. */
async function indexIds(files: SealedFiles, signal: AbortSignal | undefined): Promise<IndexId[]> {
  return (await indexRows(files, signal)).map(({ id }) => id);
}

/** Names and sizes in bytes. */
async function indexRows(files: SealedFiles, signal: AbortSignal | undefined) {
  const rows = await Array.fromAsync(files.list("index", { signal }));
  return rows.map(({ name, size }) => ({ id: asId<IndexId>(name), size })).sort((a, b) => a.id < b.id ? -1 : 1);
}

/** An index file that cannot be read, and why. */
export interface UnreadableIndex {
  readonly id: IndexId;
  readonly error: AgentError;
}

/** Options of `loadIndex`. */
interface LoadIndexOptions {
  readonly signal?: AbortSignal | undefined;
  /**
   * Told of the index files that cannot be read; the index is then that of the others. Only for whoever loses nothing by
   * what it does not know: a reader, whose blobs are there or not, and a backup, which stores some once more. Without it the
   * first of them is thrown.
   */
  readonly onUnreadable?: ((unreadable: readonly UnreadableIndex[]) => void) | undefined;
}

/** Such files are read one after the other: an index of a million blobs takes 150 MB as text. */
const LARGE_FILE_BYTES = 8 * 1024 * 1024;

/**
 * The index of the whole repository, with all places. Throws `IntegrityError` for a damaged index file, unless somebody is
 * told of it.
 */
export function loadIndex(files: SealedFiles, options: LoadIndexOptions = {}): Promise<PlacedIndex> {
  return loadIndexInto(() => new PlacedIndex(), files, options);
}

/** As `loadIndex`, but the index that `make` makes, empty each time it is asked. */
export async function loadIndexInto<Index extends LoadableIndex>(
  make: () => Index,
  files: SealedFiles,
  options: LoadIndexOptions = {},
): Promise<Index> {
  const unreadable = new Map<IndexId, AgentError>();
  for (;;) {
    const known = unreadable.size;
    const index = make();
    await addIndexFiles(index, files, options, unreadable);
    // Of a file that turned out to be damaged halfway the first half is in the index: nothing vouches for it.
    if (unreadable.size > known) continue;
    if (known > 0) options.onUnreadable?.([...unreadable].map(([id, error]) => ({ id, error })));
    return index;
  }
}

async function addIndexFiles(
  index: LoadableIndex,
  files: SealedFiles,
  { signal, onUnreadable }: LoadIndexOptions,
  unreadable: Map<IndexId, AgentError>,
): Promise<void> {
  const add = async (id: IndexId) => {
    if (unreadable.has(id)) return;
    try {
      const json = await loadIndexFile(files, id, signal);
      if (json === null) return;
      addIndexFile(index, json, `index ${id}`);
      freeBuffer(json);
    } catch (error) {
      if (onUnreadable === undefined) throw error;
      unreadable.set(id, await failureOfIndex(files, error, signal));
    }
  };
  const rows = await indexRows(files, signal);
  await mapConcurrently(rows.filter(({ size }) => size <= LARGE_FILE_BYTES), FILES_AT_ONCE, ({ id }) => add(id));
  for (const { id, size } of rows) if (size > LARGE_FILE_BYTES) await add(id);
}

/** Why a single index file cannot be read. Throws what says nothing about it: who may not read it may be let in tomorrow. */
async function failureOfIndex(
  files: SealedFiles,
  error: unknown,
  signal: AbortSignal | undefined,
): Promise<AgentError> {
  if (error instanceof IntegrityError) return error;
  if (error instanceof TemporaryError || error instanceof DeniedError) throw error;
  return await failureOfFile(files.store, error, signal);
}

const NAMED = 5;

/** Tells people that index files were passed over, what that means and what removes them. */
export function unreadableIndexProblem(unreadable: readonly UnreadableIndex[]): AgentError {
  const [first] = unreadable;
  const ids = unreadable.slice(0, NAMED).map(({ id }) => shortId(id)).join(", ");
  const more = unreadable.length > NAMED ? ` and ${unreadable.length - NAMED} more` : "";
  const which = unreadable.length === 1 ? "an index file that cannot be read" : "index files that cannot be read";
  return new IntegrityError(
    `Passing over ${which}, ${ids}${more}: ${first!.error.message}; what only they list is not found; ` +
      `"agent repair index" replaces them, for an append-only server where it runs, with its folder as the repository`,
    { cause: first!.error },
  );
}

/**
 * The text of a listed index file; null where another process removed it meanwhile, having merged it into a newer one, which
 * is listed as well or holds nothing this one needs. A store may be late to list that: where it does not find twice what it
 * lists, that counts, too. To a put it costs some space, and to a get that needs it an error. Throws `IntegrityError` where
 * it is damaged, and what the store throws.
 */
export async function loadIndexFile(
  files: SealedFiles,
  id: IndexId,
  signal: AbortSignal | undefined,
): Promise<Uint8Array<ArrayBuffer> | null> {
  const json = await loadIfThere(files, id, signal);
  if (json !== null || !(await indexIds(files, signal)).includes(id)) return json;
  return await loadIfThere(files, id, signal);
}

async function loadIfThere(files: SealedFiles, id: IndexId, signal: AbortSignal | undefined) {
  try {
    return await files.load("index", id, { signal });
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
    return null;
  }
}

function addIndexFile(index: LoadableIndex, json: Uint8Array, what: string): void {
  let pack = -1;
  decodeIndex(json, what, {
    wantedData: index.wantedData,
    pack(id) {
      pack = index.addPack(id);
    },
    blob(type, id, offset, length, uncompressedLength) {
      index.add(type, { pack, offset, length, uncompressedLength }, id);
    },
  });
}
