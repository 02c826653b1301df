/** Reads index files: one after the other, or all into an index in memory. */
import { asId, type IndexId, shortId } from "../../base/id.ts";
import { type AgentError, DeniedError, IntegrityError, NotFoundError, TemporaryError } from "../../base/errors.ts";
import { freeBuffer } from "../../base/bytes.ts";
import { mapConcurrently } from "../../base/concurrency.ts";
import { decodeIndex } from "../../format/index/index_file.ts";
import { type LoadableIndex, PlacedIndex } from "./blob_index.ts";
import type { Spill } from "../../store/spill/spill.ts";
import type { SealedFiles } from "../sealed_files.ts";
import { failureOfFile } from "../unreadable.ts";

const FILES_AT_ONCE = 4;

/** Larger files are read one at a time: an index file of a million blobs takes 150 MB as text. */
const LARGE_FILE_BYTES = 8 * 1024 * 1024;

/** How `forEachIndexFile` handles the index files. */
interface IndexFileWalk<Loaded> {
  readonly signal: AbortSignal;
  /** The files if they were listed already, sorted by name; by default they are listed. */
  readonly rows?: readonly IndexRow[];
  /** Loads a file. A few files are loaded at once; an error ends the walk. */
  readonly load: (id: IndexId) => Promise<Loaded>;
  /** Receives what was loaded, file after file in the order of their names. */
  readonly take: (id: IndexId, loaded: Loaded) => void | Promise<void>;
  /** Called with the number of files taken and the total: first with none taken. */
  readonly onProgress: (done: number, total: number) => void;
}

/**
 * Goes through all index files. While one is taken, those behind it are loaded: a few small ones, or a single large one.
 * Throws what `load` and `take` throw, and what listing the files throws, once no file is being loaded any more.
 */
export async function forEachIndexFile<Loaded>(files: SealedFiles, walk: IndexFileWalk<Loaded>): Promise<void> {
  const { signal, load, take, onProgress } = walk;
  const rows = walk.rows ?? await indexRows(files, signal);
  const ahead = new LoadedAhead(rows, load);
  onProgress(0, rows.length);
  try {
    for (const [done, { id }] of rows.entries()) {
      await take(id, await ahead.next());
      onProgress(done + 1, rows.length);
    }
  } finally {
    await ahead.settle();
  }
}

/** Loads index files ahead of whoever takes them: only so many that all of these may be in memory together. */
class LoadedAhead<Loaded> {
  readonly #rows: readonly IndexRow[];
  readonly #load: (id: IndexId) => Promise<Loaded>;
  /** The one that is being taken, and those behind it. */
  readonly #loading: { readonly size: number; readonly loaded: Promise<Loaded> }[] = [];
  #hasTaken = false;
  #begun = 0;
  #bytes = 0;

  constructor(rows: readonly IndexRow[], load: (id: IndexId) => Promise<Loaded>) {
    this.#rows = rows;
    this.#load = load;
  }

  /** The next file; the one before it is no longer in memory. */
  async next(): Promise<Loaded> {
    if (this.#hasTaken) this.#bytes -= this.#loading.shift()!.size;
    this.#hasTaken = true;
    this.#begin();
    return await this.#loading[0]!.loaded;
  }

  /** Resolves when nothing is being loaded any more. */
  async settle(): Promise<void> {
    await Promise.allSettled(this.#loading.map(({ loaded }) => loaded));
  }

  #begin(): void {
    while (this.#begun < this.#rows.length && this.#loading.length < FILES_AT_ONCE) {
      const { id, size } = this.#rows[this.#begun]!;
      if (this.#loading.length > 0 && this.#bytes + size > LARGE_FILE_BYTES) return;
      const loaded = this.#load(id);
      loaded.catch(() => {}); // Thrown when it is this file's turn.
      this.#loading.push({ size, loaded });
      this.#bytes += size;
      this.#begun++;
    }
  }
}

/** The names of all index files, sorted, since a store lists them in any order. */
export async function listIndexes(files: SealedFiles, signal: AbortSignal | undefined): Promise<IndexId[]> {
  return (await indexRows(files, signal)).map(({ id }) => id);
}

/** An index file as the store lists it. */
export interface IndexRow {
  readonly id: IndexId;
  /** In bytes. */
  readonly size: number;
}

/** All index files, sorted by name. */
export async function indexRows(files: SealedFiles, signal: AbortSignal | undefined): Promise<IndexRow[]> {
  const rows = await Array.fromAsync(files.list("index", { signal }));
  return rows.map(({ name, size }) => ({ id: asId<IndexId>(name), size })).sort((a, b) => a.id < b.id ? -1 : 1);
}

/** The bytes of index files together. */
export function totalBytes(rows: readonly IndexRow[]): number {
  return rows.reduce((sum, { size }) => sum + size, 0);
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
   * Receives the index files that cannot be read; the index then holds the others. Only for callers to whom unknown
   * blobs do no harm: a reader, which either finds its blobs or does not, and a backup, which stores some blobs again.
   * Without it, the first error is thrown.
   */
  readonly onUnreadable?: ((unreadable: readonly UnreadableIndex[]) => void) | undefined;
  /** Receives the names of the files from which the index is loaded; again if it is loaded anew. */
  readonly onListed?: (ids: readonly IndexId[]) => void;
  /** The files to load; by default all that are listed. */
  readonly rows?: readonly IndexRow[];
}

/**
 * Loads the index of the whole repository, with all places. With a `spill`, what exceeds memory goes to disk; look-ups
 * then throw what `SpillFile.read` throws. Throws `IntegrityError` for a damaged index file, unless `onUnreadable` is
 * given.
 */
export function loadIndex(files: SealedFiles, options: LoadIndexOptions = {}, spill?: Spill): Promise<PlacedIndex> {
  return loadIndexInto(() => new PlacedIndex(spill), files, options);
}

/** Like `loadIndex`, but into an index from `make`, which returns an empty one at each call. */
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
    // A file that turned out to be damaged may be in the index by half, and nothing vouches for that half.
    if (unreadable.size > known) continue;
    if (known > 0) options.onUnreadable?.([...unreadable].map(([id, error]) => ({ id, error })));
    return index;
  }
}

async function addIndexFiles(
  index: LoadableIndex,
  files: SealedFiles,
  { signal, onUnreadable, onListed, rows: given }: LoadIndexOptions,
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
  const rows = given ?? await indexRows(files, signal);
  onListed?.(rows.map(({ id }) => id));
  await mapConcurrently(rows.filter(({ size }) => size <= LARGE_FILE_BYTES), FILES_AT_ONCE, ({ id }) => add(id));
  for (const { id, size } of rows) if (size > LARGE_FILE_BYTES) await add(id);
}

/** Why an index file cannot be read. Rethrows errors that say nothing about the file, such as a denied access. */
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

/** The warning that index files were skipped, with what that means and how to remove them. */
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

/** The text of a listed index file; null if it was removed. Throws what `SealedFiles.load` throws. */
function loadIndexFile(
  files: SealedFiles,
  id: IndexId,
  signal: AbortSignal | undefined,
): Promise<Uint8Array<ArrayBuffer> | null> {
  return unlessRemoved(files, id, signal, () => files.load("index", id, { signal }));
}

/** The text of a listed index file in pieces; null if it was removed. Throws what `SealedFiles.loadPieces` throws. */
export function loadIndexPieces(
  files: SealedFiles,
  id: IndexId,
  signal: AbortSignal | undefined,
): Promise<Iterable<Uint8Array> | null> {
  return unlessRemoved(files, id, signal, () => files.loadPieces("index", id, { signal }));
}

/** A listed index file as it is stored; null if it was removed. Throws what `SealedFiles.loadSealed` throws. */
export function loadSealedIndexFile(
  files: SealedFiles,
  id: IndexId,
  signal: AbortSignal | undefined,
): Promise<Uint8Array<ArrayBuffer> | null> {
  return unlessRemoved(files, id, signal, () => files.loadSealed("index", id, { signal }));
}

/**
 * Loads a listed index file; null if another process has removed it meanwhile.
 *
 * A removed index file was merged into a newer one, which is listed as well or holds nothing that the caller needs. A
 * store that twice does not find a file that it lists may be slow to list the removal, so that counts as removed, too.
 * If that is wrong, a put wastes some space, and a get that needs the file fails.
 */
async function unlessRemoved<Loaded>(
  files: SealedFiles,
  id: IndexId,
  signal: AbortSignal | undefined,
  load: () => Promise<Loaded>,
): Promise<Loaded | null> {
  const loaded = await unlessMissing(load);
  if (loaded !== null || !(await listIndexes(files, signal)).includes(id)) return loaded;
  return await unlessMissing(load);
}

async function unlessMissing<Loaded>(load: () => Promise<Loaded>): Promise<Loaded | null> {
  try {
    return await load();
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
