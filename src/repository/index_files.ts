/** Index files: gone through one after the other, and read into a `BlobIndex`. */
import type { IndexId } from "../base/id.ts";
import { asId } from "../base/id.ts";
import { NotFoundError } from "../base/errors.ts";
import { freeBuffer } from "../base/memory.ts";
import { mapConcurrently } from "../base/concurrency.ts";
import { decodeIndex } from "../format/index_file.ts";
import { BlobIndex, type PlaceOptions } from "./blob_index.ts";
import type { SealedFiles } from "./sealed_files.ts";

const FILES_AT_ONCE = 4;

/** How `forEachIndexFile` goes through the index files. */
export interface IndexFileWalk<Loaded> {
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
  const ids = await indexIds(files, signal);
  onProgress(0, ids.length);
  for (let start = 0; start < ids.length; start += FILES_AT_ONCE) {
    const batch = ids.slice(start, start + FILES_AT_ONCE);
    const loaded = await mapConcurrently(batch, FILES_AT_ONCE, load);
    batch.forEach((id, i) => take(id, loaded[i]!));
    onProgress(start + batch.length, ids.length);
  }
}

/** The names of all index files, sorted: the order of a listing is the store's. */
async function indexIds(files: SealedFiles, signal: AbortSignal | undefined): Promise<IndexId[]> {
  const rows = await Array.fromAsync(files.list("index", { signal }));
  return rows.map(({ name }) => asId<IndexId>(name)).sort();
}

/** Options of `loadIndex`. */
export interface LoadIndexOptions extends PlaceOptions {
  readonly signal?: AbortSignal | undefined;
}

/** The index of the whole repository. Throws `IntegrityError` for a damaged index file. */
export async function loadIndex(files: SealedFiles, options: LoadIndexOptions): Promise<BlobIndex> {
  const index = new BlobIndex(options);
  const { signal } = options;
  await mapConcurrently(await indexIds(files, signal), FILES_AT_ONCE, async (id) => {
    const json = await loadIndexFile(files, id, signal);
    if (json === null) return;
    addIndexFile(index, json, `index ${id}`);
    freeBuffer(json);
  });
  return index;
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

function addIndexFile(index: BlobIndex, json: Uint8Array, what: string): void {
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
