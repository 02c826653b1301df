/** Writes index files without the packs to be removed, before the index files that list these packs are removed. */
import type { IndexId } from "../../base/id.ts";
import { INDEX_MAX_BLOBS } from "../../format/index/index_file.ts";
import { IndexFileWriter, type IndexWriteOptions } from "../../repository/index/index_file_writer.ts";
import type { DescribingFile, PruneIndex } from "./prune_index.ts";
import type { LockedFileWriter } from "../../repository/lock/locked_files.ts";

/** An index file is small if it lists less than half as many blobs as a full one. */
const SMALL_FILE_BLOBS = INDEX_MAX_BLOBS / 2;
/** With fewer small files, none are merged unless other files must be rewritten anyway. */
const LEAST_SMALL_FILES = 10;

/** Which index files are replaced, and which packs the new ones list. */
export interface IndexRewrite {
  readonly replaced: readonly DescribingFile[];
  /** Numbers of packs. */
  readonly packs: readonly number[];
}

/**
 * Plans the rewrite. A file is replaced if it lists a pack to be removed, or a pack that an earlier file also lists.
 * Small files are merged with these, or with each other if there are many.
 */
export function planIndexRewrite(files: readonly DescribingFile[], removed: ReadonlySet<number>): IndexRewrite {
  const listed = new Set<number>();
  const small: DescribingFile[] = [];
  const affected: DescribingFile[] = [];
  const kept = new Set<number>();
  for (const file of files) {
    const goes = file.packs.length === 0 || file.packs.some((pack) => removed.has(pack) || listed.has(pack));
    for (const pack of file.packs) listed.add(pack);
    if (goes) affected.push(file);
    else if (file.blobs < SMALL_FILE_BLOBS) small.push(file);
    else for (const pack of file.packs) kept.add(pack);
  }
  const merges = small.length >= LEAST_SMALL_FILES || affected.length > 0;
  if (!merges) { for (const { packs } of small) for (const pack of packs) kept.add(pack); }
  const replaced = merges ? [...affected, ...small] : affected;
  const packs = new Set(replaced.flatMap(({ packs }) => packs).filter((pack) => !removed.has(pack) && !kept.has(pack)));
  return { replaced, packs: [...packs] };
}

/** Writes index files that list the given packs, and returns their names. All are durable when it resolves. */
export async function writeIndexes(
  files: LockedFileWriter,
  index: PruneIndex,
  packs: readonly number[],
  options: IndexWriteOptions,
): Promise<readonly IndexId[]> {
  const writer = new IndexFileWriter(files, options);
  for (const pack of packs) {
    options.signal.throwIfAborted();
    await writer.add(index.describe(pack), index.blobsIn(pack));
  }
  await writer.finish();
  return writer.written;
}
