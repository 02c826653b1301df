/**
 * Goes through all index files: another thread opens and decodes them, while this one takes in what was decoded before.
 * Each file is read from the store and compared with its name; nothing that lies in a cache of ours is trusted.
 */
import { IntegrityError } from "../../base/errors.ts";
import { ID_BYTES, type IndexId } from "../../base/id.ts";
import { PackBlobs } from "../../format/blob.ts";
import type { DecodedIndex } from "../../pipeline/index/read_index.ts";
import { startThreads } from "../../pipeline/threads.ts";
import { forEachIndexFile, type IndexRow, indexRows, totalBytes } from "../../repository/index/index_files.ts";
import type { Repository } from "../../repository/repository.ts";

/** How decoded index files are gone through. */
interface DecodedIndexWalk {
  readonly signal: AbortSignal;
  /** Whether the digests of the packs' headers are asked for. */
  readonly wantsHeaders: boolean;
  /** Loads a file as it is stored; null if it is not there any more and need not be. */
  readonly load: (id: IndexId) => Promise<Uint8Array<ArrayBuffer> | null>;
  /** Receives what a file says, file after file in the order of their names. Owns: valid until it returns. */
  readonly take: (id: IndexId, decoded: DecodedIndex) => void;
  /** Receives why a file cannot be read, in the same order. */
  readonly damaged: (id: IndexId, error: IntegrityError) => void;
  /** Called once, as soon as it can be estimated how many blobs all files together list. */
  readonly expect?: (blobs: number) => void;
  /** Called with the number of files taken and the total: first with none taken. */
  readonly onProgress: (done: number, total: number) => void;
}

/** Decoding takes no longer than taking in what was decoded, so that a second thread would wait. */
const DECODING_THREADS = 1;

/** Goes through all index files. Throws what `walk` and the store throw, and the signal's reason. */
export async function forEachDecodedIndex(
  { files, keys, spill }: Pick<Repository, "files" | "keys" | "spill">,
  walk: DecodedIndexWalk,
): Promise<void> {
  const { signal, wantsHeaders, load, take, damaged, onProgress } = walk;
  const rows = await indexRows(files, signal);
  await spill?.prepare(totalBytes(rows));
  const estimate = new Estimate(rows, walk.expect);
  // Few blobs are decoded in this thread: the start of another one takes longer.
  const needed = Promise.withResolvers<void>().promise;
  using starting = startThreads(DECODING_THREADS, { digest: false, needed });
  const threads = await starting.configure(keys, "off");
  await forEachIndexFile<DecodedIndex | IntegrityError | null>(files, {
    signal,
    rows,
    load: async (id) => {
      try {
        const bytes = await load(id);
        return bytes && await threads.readIndex({ id, bytes, wantsHeaders });
      } catch (error) {
        if (error instanceof IntegrityError) return error;
        throw error;
      }
    },
    take: (id, decoded) => {
      signal.throwIfAborted();
      if (decoded instanceof IntegrityError) return damaged(id, decoded);
      if (decoded === null) return;
      estimate.use(id, decoded.ids.length / ID_BYTES);
      take(id, decoded);
      PackBlobs.of(decoded).free();
    },
    onProgress,
  });
}

/** An index file has at least so many bytes for each of its blobs: ids are random, and cannot be compressed. */
const LEAST_BLOB_BYTES = ID_BYTES;

/** Estimates how many blobs all files list by the first one that is no smaller than they are on average. */
class Estimate {
  readonly #sizes: ReadonlyMap<IndexId, number>;
  readonly #bytes: number;
  #expect: ((blobs: number) => void) | undefined;

  constructor(rows: readonly IndexRow[], expect: ((blobs: number) => void) | undefined) {
    this.#sizes = new Map(rows.map(({ id, size }) => [id, size]));
    this.#bytes = totalBytes(rows);
    this.#expect = expect;
  }

  /** Uses a file that lists so many blobs. */
  use(id: IndexId, blobs: number): void {
    const size = this.#sizes.get(id)!;
    if (size * this.#sizes.size < this.#bytes) return;
    this.#expect?.(Math.ceil(Math.min(blobs / size, 1 / LEAST_BLOB_BYTES) * this.#bytes));
    this.#expect = undefined;
  }
}
