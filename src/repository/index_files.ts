/** Index files: read into a `BlobIndex`, written from what was put into packs. */
import type { IndexId } from "../base/id.ts";
import { asId } from "../base/id.ts";
import { NotFoundError } from "../base/errors.ts";
import { freeBuffer } from "../base/memory.ts";
import { mapConcurrently } from "../base/concurrency.ts";
import { decodeIndex } from "../format/index_file.ts";
import { BlobIndex, type PlaceOptions } from "./blob_index.ts";
import type { SealedFiles } from "./sealed_files.ts";

/** Options of `loadIndex`. */
export interface LoadIndexOptions extends PlaceOptions {
  readonly signal?: AbortSignal;
}

const FILES_AT_ONCE = 4;

/** The index of the whole repository. Throws `IntegrityError` for a damaged index file. */
export async function loadIndex(files: SealedFiles, options: LoadIndexOptions): Promise<BlobIndex> {
  const index = new BlobIndex(options);
  const callOptions = options.signal ? { signal: options.signal } : {};
  const ids: IndexId[] = [];
  for await (const { name } of files.list("index", callOptions)) ids.push(asId<IndexId>(name));
  ids.sort();
  await mapConcurrently(ids, FILES_AT_ONCE, async (id) => {
    try {
      const json = await files.load("index", id, callOptions);
      addIndexFile(index, json, `index ${id}`);
      freeBuffer(json);
    } catch (error) {
      // Another process merged it into a newer file, which is listed as well or holds nothing this one needs.
      if (!(error instanceof NotFoundError)) throw error;
    }
  });
  return index;
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
