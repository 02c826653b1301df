/**
 * Index files in exchange for others: new ones are written, and become durable, before any old one goes. Whatever stops
 * the exchange, everything that was listed before is still listed; at worst twice.
 */
import { decodeHex } from "../../base/hex.ts";
import type { IndexId, PackId } from "../../base/id.ts";
import type { IndexFileWriter, IndexWriteOptions } from "../../repository/index/index_file_writer.ts";
import { packsOfIndex } from "../../repository/index/index_packs.ts";
import type { LockedRepository } from "../../repository/repository.ts";

/** Index files to be replaced, and what of them is worth keeping. */
export interface IndexExchange {
  /** Those that can be read; what `keeps` says of their packs is written again. */
  readonly readable: readonly IndexId[];
  /** Those that cannot. */
  readonly damaged: readonly IndexId[];
  readonly keeps: (file: IndexId, pack: PackId) => boolean;
}

/** What an exchange takes besides. */
interface ExchangeOptions extends IndexWriteOptions {
  /** May hold packs already; is finished before anything is removed. */
  readonly writer: IndexFileWriter;
  /** Called with the number of old files that are copied or removed, of twice as many. */
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
      if (keeps(id, pack)) await writer.add({ id: decodeHex(pack), blobs });
    }
    onProgress(++done, total);
  }
  await writer.finish();
  // Those that can be read first: removing one that the store does not even give may fail.
  for (const id of [...readable, ...damaged]) {
    signal.throwIfAborted();
    await files.remove("index", id, { signal });
    onProgress(++done, total);
  }
}
