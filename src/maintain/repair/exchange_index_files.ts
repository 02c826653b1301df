/**
 * Replaces index files: new files are written and durable before any old one is removed. Wherever the exchange stops,
 * everything that was listed is still listed, at worst twice.
 */
import { decodeHex } from "../../base/hex.ts";
import type { IndexId, PackId } from "../../base/id.ts";
import type { IndexFileWriter, IndexWriteOptions } from "../../repository/index/index_file_writer.ts";
import { packsOfIndex } from "../../format/index/index_packs.ts";
import type { LockedRepository } from "../../repository/repository.ts";

/** Index files to be replaced, and which of their entries to keep. */
export interface IndexExchange {
  /** Readable files. The packs that `keeps` selects are written again. */
  readonly readable: readonly IndexId[];
  /** Files that cannot be read. */
  readonly damaged: readonly IndexId[];
  readonly keeps: (file: IndexId, pack: PackId) => boolean;
}

/** What an exchange needs besides. */
interface ExchangeOptions extends IndexWriteOptions {
  /** May already hold packs. It is finished before anything is removed. */
  readonly writer: IndexFileWriter;
  /** Called with the number of steps done: readable files count twice, for copying and for removal. */
  readonly onProgress: (done: number, total: number) => void;
}

/** Replaces the index files. Throws `LockedError`, what the store throws, and the signal's reason. */
export async function exchangeIndexFiles(
  { files }: LockedRepository,
  { readable, damaged, keeps }: IndexExchange,
  { writer, signal, onProgress }: ExchangeOptions,
): Promise<void> {
  const total = readable.length * 2 + damaged.length;
  let done = 0;
  for (const id of readable) {
    signal.throwIfAborted();
    for (const [pack, blobs] of packsOfIndex(await files.load("index", id, { signal }), `index ${id}`)) {
      if (keeps(id, pack)) await writer.add({ id: decodeHex(pack), blobs: [...blobs] });
    }
    onProgress(++done, total);
  }
  await writer.finish();
  // Readable files first, because removing a file that the store cannot even read may fail.
  for (const id of [...readable, ...damaged]) {
    signal.throwIfAborted();
    await files.remove("index", id, { signal });
    onProgress(++done, total);
  }
}
